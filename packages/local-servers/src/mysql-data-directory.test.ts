import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { ensureDataDirectory, initCommand } from './mysql-data-directory.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'pushfleet-data-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

/** A mysqld that "initialises" by writing one file, or fails halfway. */
function pretendMysqld(exitCode: number) {
  const path = join(directory, 'mysqld');
  const script = `#!/bin/sh\nfor a in "$@"; do case $a in --datadir=*) : > "\${a#--datadir=}/ibdata1";; esac; done\necho sorry\nexit ${exitCode}\n`;
  writeFileSync(path, script, { mode: 0o755 });
  return { kind: 'binary', flavour: 'mysql', path } as const;
}

test('a data directory is made once', async () => {
  await ensureDataDirectory(pretendMysqld(0), directory, false);
  expect(readdirSync(join(directory, 'data'))).toEqual(['ibdata1']);
  await ensureDataDirectory(pretendMysqld(1), directory, false);
});

test('a failure leaves nothing that the next start would take for a data directory', async () => {
  await expect(ensureDataDirectory(pretendMysqld(1), directory, false)).rejects.toThrow(
    /exit 1.*sorry.*AppArmor/s,
  );
  await ensureDataDirectory(pretendMysqld(0), directory, false);
  expect(readdirSync(join(directory, 'data'))).toEqual(['ibdata1']);
});

test('MariaDB is initialised by its script, with a root that may log in over TCP', () => {
  const program = {
    kind: 'binary',
    flavour: 'mariadb',
    path: '/usr/sbin/mariadbd',
    installer: '/usr/bin/mariadb-install-db',
  } as const;
  const [command, ...args] = initCommand(program, '/d/data', '/d/tmp', true);
  expect(command).toBe('/usr/bin/mariadb-install-db');
  expect(args).toEqual(expect.arrayContaining(['--auth-root-authentication-method=normal', '--user=root']));
});
