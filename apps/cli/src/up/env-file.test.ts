import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import { afterAll, expect, test } from '@jest/globals';
import { writeEnvFile } from './env-file.ts';

const directory = mkdtempSync(join(tmpdir(), 'pushfleet-env-'));
const file = join(directory, 'env');
afterAll(() => rmSync(directory, { recursive: true }));

test('later commands read back what was written, and nobody else can', () => {
  const settings = {
    PUSHFLEET_MYSQL_URL: 'mysql://root@127.0.0.1:4711/sample?ssl-mode=DISABLED',
    PUSHFLEET_APNS_KEY_FILE: '/a path/with "quotes" and #/key.p8',
  };
  writeEnvFile(file, settings, {});
  expect(parseEnv(readFileSync(file, 'utf8'))).toEqual(settings);
  expect(statSync(file).mode & 0o777).toBe(0o600);
});

test("the caller's addresses and secrets are not copied", () => {
  const given = { PUSHFLEET_MYSQL_URL: 'mysql://me:secret@db/app', PUSHFLEET_BOARD_PASSWORD: 'secret' };
  writeEnvFile(file, { ...given, PUSHFLEET_TIMEZONE: 'Asia/Tokyo' }, given);
  expect(readFileSync(file, 'utf8')).not.toContain('secret');
  expect(parseEnv(readFileSync(file, 'utf8'))).toEqual({ PUSHFLEET_TIMEZONE: 'Asia/Tokyo' });
});
