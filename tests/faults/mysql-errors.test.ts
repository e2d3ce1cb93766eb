import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { loadConfig } from '@pushfleet/shared/platform/config';
import { type Database, openDatabase } from '@pushfleet/shared/store/database';
import mysql from 'mysql2/promise';
import { type PrivateMysql, startPrivateMysql } from '../harness/private-mysql.ts';
import { within } from '../harness/time-limit.ts';

// Real errors of a real server, met by the one door that all our statements go through.
let server: PrivateMysql;
let database: Database;

beforeAll(async () => {
  server = await startPrivateMysql();
  await server.query(
    "CREATE DATABASE d; CREATE USER 'own'@'127.0.0.1'; GRANT ALL ON d.* TO 'own'@'127.0.0.1'; CREATE USER 'own'@'localhost'; GRANT ALL ON d.* TO 'own'@'localhost'; CREATE TABLE d.t (id INT PRIMARY KEY, n INT NOT NULL)",
  );
  const url = new URL(server.url);
  url.username = 'own';
  url.pathname = '/d';
  const { PUSHFLEET_MYSQL_URL: target } = loadConfig(['PUSHFLEET_MYSQL_URL'], {
    PUSHFLEET_MYSQL_URL: url.href,
  });
  database = await openDatabase({ target, answerWithinMs: 2_500 });
}, 180_000);
afterAll(async () => {
  await database?.close();
  await server?.stop();
}, 180_000);
beforeEach(async () => {
  await server.query('REPLACE INTO d.t VALUES (1, 0), (2, 0)');
});

const add = 'UPDATE t SET n = n + 1 WHERE id = ?';

async function backend(work: (connection: mysql.Connection) => Promise<void>): Promise<void> {
  const connection = await mysql.createConnection({ uri: server.url, database: 'd' });
  await work(connection).finally(() => connection.end());
}

test('deadlock (1213): the transaction runs again from its start, and counts once', async () => {
  let runs = 0;
  const crossing = (first: number, second: number) =>
    database.transaction(async (on) => {
      runs++;
      await on.change(add, [first]);
      await sleep(150);
      await on.change(add, [second]);
    });
  await Promise.all([crossing(1, 2), crossing(2, 1)]);
  expect(runs).toBe(3);
  expect(await database.arrays('SELECT n FROM t ORDER BY id')).toEqual([[2], [2]]);
});

test('lock wait (1205): it is given up after 2 s and tried again; what others hold longer fails in the end', async () => {
  await backend(async (connection) => {
    await connection.query('START TRANSACTION');
    await connection.query('UPDATE t SET n = 10 WHERE id = 1');
    const begun = performance.now();
    const changed = database.change(add, [1]);
    await sleep(2_600);
    await connection.query('COMMIT');
    expect(await changed).toBe(1);
    expect(performance.now() - begun).toBeLessThan(within(4_000));
  });
  expect(await database.arrays('SELECT n FROM t WHERE id = 1')).toEqual([[11]]);
});

test('F27: record has changed since last read (1020): the transaction runs again', async () => {
  const [snapshots] = await server.query("SHOW VARIABLES LIKE 'innodb_snapshot_isolation'");
  // Not every server can answer it: then a trigger says it in the same words.
  if (snapshots !== undefined) await server.query('SET GLOBAL innodb_snapshot_isolation = ON');
  await server.query(`CREATE OR REPLACE TRIGGER d.changed BEFORE UPDATE ON d.t FOR EACH ROW
    IF NEW.n = 1 AND @once IS NULL THEN SET @once = 1;
      SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = 1020, MESSAGE_TEXT = 'Record has changed since last read in table t';
    END IF`);
  let runs = 0;
  await database.transaction(async (on) => {
    runs++;
    await on.change(add, [1]);
  });
  await server.query('DROP TRIGGER d.changed');
  // A try on another connection may be told it once more.
  expect(runs).toBeGreaterThan(1);
  expect(await database.arrays('SELECT n FROM t WHERE id = 1')).toEqual([[1]]);
});

test('a server that is silent: the statement ends, and after it the connection; later all is well', async () => {
  await database.rows('SELECT 1');
  await server.kill('SIGSTOP');
  const begun = performance.now();
  await expect(database.rows('SELECT 1')).rejects.toThrow('inactivity timeout');
  await expect(database.transaction((on) => on.change(add, [1]))).rejects.toThrow();
  expect(performance.now() - begun).toBeLessThan(within(9_000));
  await server.kill('SIGCONT');
  expect(await database.change(add, [2])).toBe(1);
  await database.transaction((on) => on.change(add, [2]));
  expect(await database.arrays('SELECT n FROM t WHERE id = 2')).toEqual([[2]]);
}, 180_000);

test('a server that is a replica now refuses writes (1290): the connections to it are left', async () => {
  const ours = () =>
    server.query<{ id: number }>("SELECT id FROM information_schema.processlist WHERE user = 'own'");
  await database.change(add, [1]);
  await database.transaction((on) => on.change(add, [1]));
  const before = new Set((await ours()).map(({ id }) => id));
  await server.query('SET GLOBAL read_only = ON');
  for (let i = 0; i < 8; i++) {
    await expect(database.change(add, [1])).rejects.toMatchObject({ errno: 1290 });
    await expect(database.transaction((on) => on.change(add, [1]))).rejects.toMatchObject({ errno: 1290 });
  }
  await sleep(100);
  expect((await ours()).filter(({ id }) => before.has(id))).toEqual([]);
  await server.query('SET GLOBAL read_only = OFF');
  expect(await database.change(add, [1])).toBe(1);
});

test('closing does not wait for a silent server', async () => {
  const { PUSHFLEET_MYSQL_URL: target } = loadConfig(['PUSHFLEET_MYSQL_URL'], {
    PUSHFLEET_MYSQL_URL: `${server.url}d`,
  });
  const other = await openDatabase({ target });
  await other.rows('SELECT 1');
  await server.kill('SIGSTOP');
  const waiting = other.rows('SELECT 1').catch((error: Error) => error);
  const begun = performance.now();
  await other.close();
  expect(performance.now() - begun).toBeLessThan(within(1_500));
  expect(await waiting).toBeInstanceOf(Error);
  await server.kill('SIGCONT');
});
