import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from '@jest/globals';
import { findExecutable, searchDirectories } from './find-executable.ts';

const root = mkdtempSync(join(tmpdir(), 'pushfleet-find-'));
afterAll(() => rmSync(root, { recursive: true }));

function place(directory: string, name: string, mode: number): string {
  mkdirSync(join(root, directory), { recursive: true });
  const path = join(root, directory, name);
  writeFileSync(path, '');
  chmodSync(path, mode);
  return path;
}

test('PATH comes before the usual directories, and none is listed twice', () => {
  const directories = searchDirectories('/own/bin:/usr/sbin');
  expect(directories.slice(0, 2)).toEqual(['/own/bin', '/usr/sbin']);
  expect(directories).toContain('/opt/homebrew/bin');
  expect(new Set(directories).size).toBe(directories.length);
});

test('the preferred name wins, wherever it is', () => {
  place('first', 'mysqld', 0o755);
  const mariadbd = place('second', 'mariadbd', 0o755);
  expect(findExecutable(['mariadbd', 'mysqld'], [join(root, 'first'), join(root, 'second')])).toBe(mariadbd);
});

test('a directory of that name or a file that is not executable is passed over', () => {
  mkdirSync(join(root, 'third', 'redis-server'), { recursive: true });
  place('fourth', 'redis-server', 0o644);
  const real = place('fifth', 'redis-server', 0o755);
  const directories = ['third', 'fourth', 'fifth', 'absent'].map((name) => join(root, name));
  expect(findExecutable(['redis-server'], directories)).toBe(real);
  expect(findExecutable(['valkey-server'], directories)).toBeUndefined();
});
