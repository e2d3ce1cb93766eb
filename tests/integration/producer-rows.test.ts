import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { DueRowClaimer } from '@pushfleet/app-producer/claim-due-rows';
import { DispatchCompleter } from '@pushfleet/app-producer/complete-dispatches';
import { executeCommands } from '@pushfleet/app-producer/execute-commands';
import { releaseMendedRows } from '@pushfleet/app-producer/invalid-rows';
import { AudiencePlanner } from '@pushfleet/app-producer/plan-audiences';
import { finishCommand, readCommandResult, requestCommand } from '@pushfleet/shared/store/commands';
import mysql from 'mysql2/promise';
import { insertNotifications, insertTokens, range, utcNow } from '../harness/backend-rows.ts';
import { deviceToken, type Fleet, startFleet } from '../harness/fleet.ts';
import { type OpenProducer, openProducerContext } from '../harness/producer-context.ts';

let fleet: Fleet;
let producer: OpenProducer;

beforeAll(async () => {
  fleet = await startFleet();
  producer = await openProducerContext(fleet);
  await insertTokens(fleet.database, [{ id: 1, deviceToken: deviceToken(1) }]);
}, 180_000);
beforeEach(async () => {
  for (const table of ['batch', 'dispatch', 'request', 'command'])
    await fleet.database.query(`DELETE FROM pushfleet_${table}`);
  await fleet.database.query('DELETE FROM notification');
});
afterAll(async () => {
  await producer?.close();
  await fleet?.stop();
}, 180_000);

async function claimAll(context = producer) {
  const claimer = new DueRowClaimer(context, () => {});
  while (await claimer.look());
}

async function states(): Promise<Record<string, number>> {
  const rows = await fleet.database.query<{ state: string; count: number }>(
    'SELECT state, COUNT(*) AS count FROM pushfleet_dispatch GROUP BY state',
  );
  return Object.fromEntries(rows.map(({ state, count }) => [state, count]));
}

test('rows that the backend holds locked do not keep others from being marked sent', async () => {
  await insertNotifications(
    fleet.database,
    range(1, 450).map((id) => ({ id })),
  );
  await claimAll();
  await fleet.database.query("UPDATE pushfleet_dispatch SET state = 'sending', owner = NULL");
  const backend = await mysql.createConnection(fleet.database.url);
  try {
    await backend.query('SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED');
    await backend.query('START TRANSACTION');
    await backend.query("UPDATE notification SET message = 'edited' WHERE id <= 300");
    const completer = new DispatchCompleter(producer);
    let looks = 1;
    while ((await completer.look()) && looks < 20) looks++;
    expect({ looks, ...(await states()) }).toEqual({ looks: 3, sending: 300, done: 150 });
    await backend.query('COMMIT');
    const later = new DispatchCompleter(producer);
    while (await later.look());
    expect(await states()).toEqual({ done: 450 });
  } finally {
    await backend.end();
  }
});

test('every mended row is found, however many others are still broken', async () => {
  await insertNotifications(
    fleet.database,
    range(1, 700).map((id) => ({ id, message: '' })),
  );
  await claimAll();
  expect(await states()).toEqual({ invalid: 700 });
  await fleet.database.query("UPDATE notification SET message = 'mended' WHERE id IN (1, 700)");
  await releaseMendedRows(producer);
  expect(await states()).toEqual({ invalid: 698 });
});

test('a payload column as PHP writes it, each letter in six, may be longer than what APNs takes', async () => {
  await fleet.database.query('ALTER TABLE notification ADD data LONGTEXT NULL');
  const file = join(mkdtempSync(join(tmpdir(), 'pushfleet-schema-')), 'schema.json');
  writeFileSync(file, JSON.stringify({ notification: { payload: 'data' } }));
  const context = await openProducerContext(fleet, { PUSHFLEET_SCHEMA_FILE: file });
  try {
    await insertNotifications(fleet.database, [{ id: 1, tokenIds: [1] }]);
    const escaped = `{"text": "${'\\u0436'.repeat(1_800)}"}`;
    await fleet.database.query('UPDATE notification SET data = ?', [escaped]);
    await claimAll(context);
    expect(await states()).toEqual({ planning: 1 });
  } finally {
    await context.close();
  }
});

test('options with a key that is null or no text can be inserted, and say what is wrong with it', async () => {
  await insertNotifications(fleet.database, [
    { id: 1, options: { key: null } },
    { id: 2, options: { key: null } },
    { id: 3, options: { key: { deep: 'x'.repeat(300) } } },
  ]);
  await claimAll();
  expect(await states()).toEqual({ invalid: 3 });
});

test('a cancel whose producer died after it took it is carried out by another', async () => {
  await insertNotifications(fleet.database, [{ id: 1, tokenIds: [1] }]);
  await claimAll();
  const id = await requestCommand(producer.store, { verb: 'cancel', notificationId: '1' }, 'test');
  await fleet.database.query(
    'UPDATE pushfleet_command SET executed_at = UTC_TIMESTAMP(3) - INTERVAL 1 MINUTE WHERE id = ?',
    [id],
  );
  await executeCommands(producer, () => {});
  expect(await states()).toEqual({ cancelled: 1 });
});

test('a result that was committed with its effect is not overwritten by who heard nothing of the commit', async () => {
  const id = await requestCommand(producer.store, { verb: 'cancel', notificationId: '1' }, 'test');
  const done = { succeeded: true, result: 'push-17' };
  await finishCommand(producer.store, id, done);
  await finishCommand(producer.store, id, { succeeded: false, result: 'it failed: no answer' });
  expect(await readCommandResult(producer.store, id)).toEqual(done);
});

test('a row that waits for another round is cancelled like one that was never sent', async () => {
  await insertNotifications(fleet.database, [{ id: 1 }]);
  await claimAll();
  await fleet.database.query("UPDATE pushfleet_dispatch SET state = 'done', finished_at = NOW()");
  await fleet.database.query('UPDATE notification SET sent = 0, notificationdate = ?', [utcNow(60_000)]);
  await requestCommand(producer.store, { verb: 'cancel', notificationId: '1' }, 'test');
  await executeCommands(producer, () => {});
  expect(await states()).toEqual({ done: 1, cancelled: 1 });
});

test('two planners of one process plan every notification once', async () => {
  await insertNotifications(
    fleet.database,
    range(1, 400).map((id) => ({ id, tokenIds: [1] })),
  );
  await claimAll();
  const planner = new AudiencePlanner(producer, () => {});
  for (let i = 0; i < 5; i++) await Promise.all([planner.look(), planner.lookAtFresh()]);
  const [counts] = await fleet.database.query(
    'SELECT COUNT(*) AS batches, COUNT(DISTINCT dispatch_id) AS dispatches FROM pushfleet_batch',
  );
  expect([counts, await states()]).toEqual([{ batches: 400, dispatches: 400 }, { sending: 400 }]);
});
