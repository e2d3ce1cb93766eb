import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import mysql from 'mysql2/promise';
import { insertGroup, insertNotifications, insertTokens, range } from '../harness/backend-rows.ts';
import { deviceToken, type Fleet, startFleet } from '../harness/fleet.ts';
import type { FleetProcess } from '../harness/fleet-process.ts';
import { type PrivateMysql, startPrivateMysql } from '../harness/private-mysql.ts';
import { untilTrue } from '../harness/wait.ts';

const RECIPIENTS = 12_000;
let server: PrivateMysql;
let fleet: Fleet;
let producers: FleetProcess[];

beforeAll(async () => {
  // F27: as MariaDB from 11.6 on. MySQL does not know it.
  server = await startPrivateMysql(['--loose-innodb-snapshot-isolation=ON']);
  fleet = await startFleet({
    environment: { PUSHFLEET_RATE_PER_SECOND: '1500', PUSHFLEET_URGENT_MAX_RECIPIENTS: '0' },
  });
  await insertTokens(
    fleet.database,
    range(1, RECIPIENTS).map((id) => ({ id, deviceToken: deviceToken(id) })),
  );
  await insertGroup(fleet.database, 1, range(1, RECIPIENTS));
  producers = [await fleet.startProducer(), await fleet.startProducer()];
  await fleet.startWorker();
}, 180_000);
afterAll(async () => {
  await fleet?.stop();
  await server?.stop();
}, 180_000);

/** Everybody once, although the fault hit in the middle. */
async function expectSentOnce(id: number, acceptedBefore: number): Promise<void> {
  await fleet.ended([id]);
  const accepted = fleet.simulator.accepted(acceptedBefore).map((push) => push.deviceToken);
  expect([accepted.length, new Set(accepted).size]).toEqual([RECIPIENTS, RECIPIENTS]);
  expect(await fleet.status(id)).toMatchObject({ state: 'done', accepted: RECIPIENTS, pending: 0 });
  const rows = await fleet.database.query('SELECT sent FROM notification WHERE id = ?', [id]);
  expect(rows).toEqual([{ sent: 1 }]);
}

const producersRun = () => producers.map(({ child }) => child.exitCode ?? child.signalCode);

test('MySQL killed in the middle of a broadcast and back after 5 s: nobody is lost, the fleet goes on by itself', async () => {
  const { simulator, database } = fleet;
  await insertNotifications(database, [{ id: 1, groupIds: [1] }]);
  await untilTrue(
    () => simulator.acceptedCount(),
    (count) => count > 1_500,
  );
  await server.kill('SIGKILL');
  const before = simulator.acceptedCount();
  await sleep(5_000);
  // What is in Redis goes on; its results wait there.
  expect(simulator.acceptedCount()).toBeGreaterThan(before + 2_000);
  await server.start();
  await expectSentOnce(1, 0);
  expect(producersRun()).toEqual([null, null]);
}, 180_000);

test('MySQL that falls silent (SIGSTOP) and speaks again: the same', async () => {
  const { simulator, database } = fleet;
  const before = simulator.acceptedCount();
  await insertNotifications(database, [{ id: 2, groupIds: [1] }]);
  await untilTrue(
    () => simulator.acceptedCount(),
    (count) => count > before + 1_500,
  );
  await server.kill('SIGSTOP');
  await sleep(4_000);
  await server.kill('SIGCONT');
  await expectSentOnce(2, before);
}, 180_000);

test('too many connections: others hold them all, the fleet goes on when there is one again', async () => {
  const { simulator } = fleet;
  const before = simulator.acceptedCount();
  await insertNotifications(fleet.database, [{ id: 3, groupIds: [1] }]);
  await untilTrue(
    () => simulator.acceptedCount(),
    (count) => count > before + 1_500,
  );
  const admin = await mysql.createConnection(server.url);
  const crowd: mysql.Connection[] = [];
  await admin.query("CREATE USER 'crowd'@'%'");
  await admin.query('SET GLOBAL max_connections = 10');
  try {
    const until = performance.now() + 4_000;
    while (performance.now() < until) {
      await mysql.createConnection({ uri: server.url, user: 'crowd' }).then(
        (connection) => crowd.push(connection),
        () => killConnectionsOfFleet(admin),
      );
    }
    expect(crowd.length).toBeGreaterThan(6);
    for (const producer of producers) expect(producer.output()).toContain('Too many connections');
  } finally {
    await Promise.all(crowd.map((connection) => connection.end()));
    await admin.query('SET GLOBAL max_connections = 151');
    await admin.end();
  }
  await expectSentOnce(3, before);
  expect(producersRun()).toEqual([null, null]);
}, 180_000);

async function killConnectionsOfFleet(admin: mysql.Connection): Promise<void> {
  const [rows] = await admin.query('SELECT id FROM information_schema.processlist WHERE db = ?', [
    fleet.database.name,
  ]);
  for (const { id } of rows as { id: number }[]) await admin.query(`KILL ${id}`).catch(() => {});
}
