import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { insertGroup, insertNotifications, insertTokens, range } from '../harness/backend-rows.ts';
import { deviceToken, type Fleet, startFleet } from '../harness/fleet.ts';
import { type PrivateMysql, startPrivateMysql } from '../harness/private-mysql.ts';
import { untilTrue } from '../harness/wait.ts';

const RECIPIENTS = 15_000;
/** Rows that the backend deletes after the failover: all behind them move up in what is planned anew. */
const DELETED = range(5_001, 5_010);
const REFUSED = [5_600, 7_700, 12_345];
let server: PrivateMysql;
let fleet: Fleet;

beforeAll(async () => {
  server = await startPrivateMysql();
  fleet = await startFleet();
}, 180_000);
afterAll(async () => {
  await fleet?.stop();
  await server?.stop();
}, 180_000);

/** A copy as a replica has it that hears of nothing more: InnoDB recovers from it as from a crash. */
async function copyOfNow(): Promise<string> {
  const copy = join(server.directory, 'copy');
  await server.kill('SIGSTOP');
  cpSync(join(server.directory, 'data'), copy, { recursive: true });
  await server.kill('SIGCONT');
  return copy;
}

async function failOverTo(copy: string): Promise<void> {
  const data = join(server.directory, 'data');
  await server.kill('SIGKILL');
  rmSync(data, { recursive: true });
  cpSync(copy, data, { recursive: true });
  await server.start();
}

test('F30: a failover loses planned batches that Redis has: their results land on nobody else, everybody ends', async () => {
  const { database, simulator } = fleet;
  await insertTokens(
    database,
    range(1, RECIPIENTS).map((id) => ({ id, deviceToken: deviceToken(id) })),
  );
  await insertGroup(database, 1, range(1, RECIPIENTS));
  await database.query(
    'CREATE TRIGGER slow BEFORE INSERT ON pushfleet_batch FOR EACH ROW SET @slow = SLEEP(0.05)',
  );
  simulator.script(REFUSED.map((id) => `device ${deviceToken(id)} answer 400 BadDeviceToken`).join('\n'));
  const producer = await fleet.startProducer();
  await insertNotifications(database, [{ id: 1, groupIds: [1] }]);
  const planned = async () =>
    (await database.query<{ n: number }>('SELECT COUNT(*) AS n FROM pushfleet_batch'))[0]!.n;
  await untilTrue(planned, (batches) => batches === 10);
  const copy = await copyOfNow();
  // All of it is planned and in Redis; nobody has sent anything yet.
  await untilTrue(
    async () =>
      Number(
        (await database.query<{ n: string }>("SELECT SUM(state = 'queued') AS n FROM pushfleet_batch"))[0]!.n,
      ),
    (queued) => queued === 30,
  );
  producer.kill('SIGSTOP');
  await failOverTo(copy);
  expect(await planned()).toBe(10);
  await database.query('DROP TRIGGER slow');
  await database.query('DELETE FROM token WHERE id IN (?)', [DELETED]);
  producer.kill('SIGCONT');
  await sleep(500);
  await fleet.startWorker();
  await fleet.ended([1]);
  const left = RECIPIENTS - DELETED.length;
  expect(await fleet.status(1)).toMatchObject({
    state: 'done',
    recipients: left,
    accepted: left - REFUSED.length,
    rejected: REFUSED.length,
    pending: 0,
  });
  const refused = await database.query<{ id: string }>(
    'SELECT token_id AS id FROM pushfleet_outcome ORDER BY CAST(token_id AS UNSIGNED)',
  );
  expect(refused.map(({ id }) => Number(id))).toEqual(REFUSED);
  expect(producer.output()).toContain('result.unknownBatch');
  const reached = new Set(simulator.accepted().map((push) => push.deviceToken));
  expect(range(1, RECIPIENTS).filter((id) => !reached.has(deviceToken(id)) && !DELETED.includes(id))).toEqual(
    REFUSED,
  );
}, 180_000);
