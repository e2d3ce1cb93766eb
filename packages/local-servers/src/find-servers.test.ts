import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { findMysql, findRedis, flavourOf } from './find-servers.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'pushfleet-servers-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

function program(name: string, says = ''): string {
  const path = join(directory, name);
  writeFileSync(path, `#!/bin/sh\necho '${says}'\n`);
  chmodSync(path, 0o755);
  return path;
}

test.each([
  ['mariadbd  Ver 10.11.19-MariaDB-0+deb12u1 for debian-linux-gnu on x86_64 (Debian 12)', 'mariadb'],
  ['/usr/sbin/mysqld  Ver 11.8.2-MariaDB-ubu2404 for debian-linux-gnu on x86_64', 'mariadb'],
  ['/opt/homebrew/opt/mysql/bin/mysqld  Ver 9.3.0 for macos15.4 on arm64 (Homebrew)', 'mysql'],
  ['mysqld  Ver 8.0.42 for Linux on x86_64 (MySQL Community Server - GPL)', 'mysql'],
])('"%s" is %s', (line, flavour) => {
  expect(flavourOf(line)).toBe(flavour);
});

test('Valkey serves as Redis', () => {
  expect(findRedis([directory])).toBeUndefined();
  const path = program('valkey-server');
  expect(findRedis([directory])).toEqual({ kind: 'binary', path });
});

test('MariaDB without the script that makes a data directory does not count as installed', () => {
  const path = program('mariadbd', 'mariadbd Ver 11.8.2-MariaDB');
  expect(findMysql([directory])).toBeUndefined();
  const installer = program('mariadb-install-db');
  expect(findMysql([directory])).toBeUndefined();
  program('my_print_defaults');
  expect(findMysql([directory])).toEqual({ kind: 'binary', path, flavour: 'mariadb', installer });
});

test('MySQL makes its data directory itself', () => {
  const path = program('mysqld', 'mysqld Ver 8.4.5 for Linux on x86_64');
  expect(findMysql([directory])).toEqual({ kind: 'binary', path, flavour: 'mysql' });
});
