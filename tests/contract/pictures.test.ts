import { appendFileSync, cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test } from '@jest/globals';

interface PictureSources {
  readonly MANIFEST: string;
  readonly PICTURES: Readonly<Record<string, readonly string[]>>;
  sourceHashes(root: string): Record<string, string>;
  stalePictures(root: string): string[];
}

const root = fileURLToPath(new URL('../../', import.meta.url));
const copy = mkdtempSync(join(tmpdir(), 'pushfleet-pictures-'));
const { MANIFEST, PICTURES, sourceHashes, stalePictures } = (await import(
  join(root, 'scripts/pictures/picture-sources.mjs')
)) as PictureSources;

afterAll(() => rmSync(copy, { recursive: true, force: true }));

test('a picture is stale when a file that it shows has changed, and when it is gone', () => {
  for (const source of new Set(Object.values(PICTURES).flat()))
    cpSync(join(root, source), join(copy, source), { recursive: true });
  const pictures = dirname(join(copy, MANIFEST));
  mkdirSync(pictures, { recursive: true });
  expect(stalePictures(copy)).toEqual([`${MANIFEST} is missing`]);
  for (const name of Object.keys(PICTURES)) writeFileSync(join(pictures, name), '');
  writeFileSync(join(copy, MANIFEST), JSON.stringify(sourceHashes(copy)));
  expect(stalePictures(copy)).toEqual([]);

  writeFileSync(join(copy, 'apps/board/src/more.test.ts'), ''); // shows nothing
  expect(stalePictures(copy)).toEqual([]);
  appendFileSync(join(copy, 'apps/board/public/board.css'), '\n');
  const ofBoard = Object.keys(PICTURES).filter((name) => PICTURES[name]!.includes('apps/board/public'));
  expect(ofBoard.length).toBeGreaterThan(5);
  expect(stalePictures(copy)).toEqual(ofBoard);

  writeFileSync(join(copy, MANIFEST), JSON.stringify(sourceHashes(copy)));
  appendFileSync(join(copy, 'apps/cli/src/up/summary.ts'), '\n');
  rmSync(join(pictures, 'status.svg'));
  expect(stalePictures(copy)).toEqual(['start.svg', 'status.svg is missing']);
});
