import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from '@jest/globals';
import { ensureChromium, findChromium } from './ensure-chromium.ts';

const directory = mkdtempSync(join(tmpdir(), 'pushfleet-chromium-'));
afterAll(() => rmSync(directory, { recursive: true }));

test('a given browser wins; a given one that does not exist is an error, never replaced by another', async () => {
  const given = join(directory, 'my-chrome');
  writeFileSync(given, '', { mode: 0o755 });
  expect(findChromium(given)).toBe(given);
  expect(findChromium(join(directory, 'absent'))).toBeUndefined();
  await expect(ensureChromium(join(directory, 'absent'), () => {})).rejects.toThrow(
    'PUSHFLEET_TEST_CHROMIUM',
  );
});

test('Chrome serves where there is no Chromium', () => {
  const chrome = join(directory, 'google-chrome');
  writeFileSync(chrome, '', { mode: 0o755 });
  expect(findChromium(undefined, [directory])).toBe(chrome);
});
