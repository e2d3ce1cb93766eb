import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createConnection } from 'mysql2/promise';
import { type Fleet, startFleet } from '../harness/fleet.ts';

/** What the service `board-account` of docker-compose.yml runs, with this machine's client. */
const SCRIPT = fileURLToPath(new URL('../../deploy/grants/board-account.sh', import.meta.url));
const directory = mkdtempSync(join(tmpdir(), 'pushfleet-account-'));
let fleet: Fleet;

beforeAll(async () => {
  fleet = await startFleet();
}, 180_000);
afterAll(async () => {
  await fleet?.database.query("DROP USER IF EXISTS 'pushfleet_board'@'%'");
  await fleet?.stop();
  rmSync(directory, { recursive: true });
}, 180_000);

function run(password: string, state = fleet.database.name) {
  const url = new URL(fleet.database.url);
  writeFileSync(join(directory, 'root'), decodeURIComponent(url.password));
  writeFileSync(join(directory, 'board'), `${password}\n`);
  const { status, stderr } = spawnSync('sh', [SCRIPT], {
    encoding: 'utf8',
    env: {
      PATH: process.env.PATH,
      DATABASE_HOST: url.hostname,
      DATABASE_PORT: url.port,
      BACKEND: fleet.database.name,
      STATE: state,
      ROOT_PASSWORD_FILE: join(directory, 'root'),
      BOARD_PASSWORD_FILE: join(directory, 'board'),
    },
  });
  return { status, stderr };
}

async function asBoard(password: string, sql: string): Promise<unknown> {
  const url = new URL(fleet.database.url);
  url.username = 'pushfleet_board';
  url.password = password;
  const connection = await createConnection(url.href);
  try {
    return (await connection.query(sql))[0];
  } finally {
    await connection.end();
  }
}

test('the account of the board is made, changes its password with the secret, and may read and ask, no more', async () => {
  expect(run('first-one')).toEqual({ status: 0, stderr: expect.stringContaining('may read, and ask') });
  expect(await asBoard('first-one', 'SELECT COUNT(*) AS n FROM pushfleet_dispatch')).toEqual([{ n: 0 }]);
  expect(run('second-one').status).toBe(0);
  await expect(asBoard('first-one', 'SELECT 1')).rejects.toThrow('denied');
  for (const change of [
    'DELETE FROM pushfleet_dispatch',
    'DELETE FROM pushfleet_command',
    'UPDATE pushfleet_command SET succeeded = 1',
    'UPDATE pushfleet_app SET rate = 1',
    'UPDATE notification SET sent = 1',
    "INSERT INTO pushfleet_app (app) VALUES ('x')",
    'CREATE TABLE mine (id INT)',
  ])
    await expect(asBoard('second-one', change)).rejects.toThrow('denied');
  expect(await asBoard('second-one', 'SELECT id, active, token FROM token')).toEqual([]);
  await expect(asBoard('second-one', 'UPDATE token SET active = 0')).rejects.toThrow('denied');
}, 180_000);

test('without tables it grants nothing and fails nothing; a password that would end the statement is refused', () => {
  expect(run('first-one', 'elsewhere')).toEqual({
    status: 0,
    stderr: expect.stringContaining('no pushfleet_* tables'),
  });
  expect(run("it's")).toEqual({ status: 1, stderr: expect.stringContaining('openssl rand') });
});
