import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { DueRowClaimer } from '@pushfleet/app-producer/claim-due-rows';
import { BatchDispatcher } from '@pushfleet/app-producer/dispatch-batches';
import { AudiencePlanner } from '@pushfleet/app-producer/plan-audiences';
import { ControlPublisher } from '@pushfleet/app-producer/publish-control';
import { reconcile } from '@pushfleet/app-producer/reconcile';
import { ResultRecorder } from '@pushfleet/app-producer/record-results';
import { CancelledSettler } from '@pushfleet/app-producer/settle-waiting';
import { encodeProgress, newProgress } from '@pushfleet/shared/domain/batch-progress';
import { ACCEPTED } from '@pushfleet/shared/domain/outcomes';
import { readControlCopy } from '@pushfleet/shared/queue/control-copy';
import { cancelDispatch } from '@pushfleet/shared/store/settle';
import { insertNotifications, insertTokens, range } from '../harness/backend-rows.ts';
import { deviceToken, type Fleet, startFleet } from '../harness/fleet.ts';
import { type OpenProducer, openProducerContext } from '../harness/producer-context.ts';

let fleet: Fleet;
let producer: OpenProducer;
const NOBODY = { settled() {}, retired() {}, parked() {} };

beforeAll(async () => {
  fleet = await startFleet();
  const apps = ['default', 'other'].map((name) => ({
    name,
    topic: `com.example.${name}`,
    environment: 'sandbox',
  }));
  const file = join(mkdtempSync(join(tmpdir(), 'pushfleet-apps-')), 'apps.json');
  writeFileSync(file, JSON.stringify({ apps }));
  producer = await openProducerContext(fleet, { PUSHFLEET_APPS_FILE: file });
  await insertTokens(
    fleet.database,
    range(1, 10).map((id) => ({ id, deviceToken: deviceToken(id) })),
  );
  for (const { name, topic } of apps)
    await fleet.database.query(
      "INSERT INTO pushfleet_app (app, topic, environment, updated_at) VALUES (?, ?, 'sandbox', NOW())",
      [name, topic],
    );
}, 180_000);
beforeEach(async () => {
  for (const table of ['pushfleet_batch', 'pushfleet_dispatch', 'pushfleet_request', 'notification'])
    await fleet.database.query(`DELETE FROM ${table}`);
  for (const { lanes } of producer.queues)
    for (const queue of [lanes.urgent, lanes.bulk]) await queue.obliterate();
});
afterAll(async () => {
  await producer?.close();
  await fleet?.stop();
}, 180_000);

/** Claims, plans and queues these notifications; no worker is there to take them. */
async function queue(notifications: Parameters<typeof insertNotifications>[1]) {
  await insertNotifications(fleet.database, notifications);
  await new DueRowClaimer(producer, () => {}).look();
  await new AudiencePlanner(producer, () => {}).look();
  const dispatcher = new BatchDispatcher(producer);
  await dispatcher.look('urgent');
}

async function batches() {
  return fleet.database.query<{ dispatch_id: number; state: string; accepted: number; cancelled: number }>(
    'SELECT dispatch_id, state, accepted, cancelled, generation FROM pushfleet_batch ORDER BY dispatch_id',
  );
}

test('what waits in Redis of a cancelled notification is taken out before workers forget the cancel', async () => {
  await queue([{ id: 1, tokenIds: range(1, 10) }]);
  const { redis, queues } = producer;
  const { urgent } = queues[0]!.lanes;
  expect(await urgent.getWaitingCount()).toBe(1);
  const dispatchId = (await batches())[0]!.dispatch_id;
  // Its worker was killed after one was accepted: only the checkpoint knows.
  const progress = newProgress(10);
  progress.outcomes[3] = ACCEPTED;
  await redis.hset(urgent.toKey(`b-${dispatchId}-0-1`), 'ck', encodeProgress(progress));

  await cancelDispatch(producer.store, dispatchId, 'test');
  const settler = new CancelledSettler(producer, new ResultRecorder(producer, NOBODY), 0);
  await settler.look();
  await settler.look();
  expect(await urgent.getJobCounts('waiting', 'delayed', 'active')).toEqual({
    waiting: 0,
    delayed: 0,
    active: 0,
  });
  expect(await batches()).toMatchObject([{ state: 'settled', accepted: 1, cancelled: 9 }]);
  const [dispatch] = await fleet.database.query('SELECT finished_at IS NULL AS open FROM pushfleet_dispatch');
  expect(dispatch).toEqual({ open: 0 });
});

test('a cancelled notification that a worker still holds does not end', async () => {
  await queue([{ id: 1, tokenIds: [1] }]);
  const { redis, queues } = producer;
  const { urgent } = queues[0]!.lanes;
  const dispatchId = (await batches())[0]!.dispatch_id;
  await redis.set(`${urgent.toKey(`b-${dispatchId}-0-1`)}:lock`, 'a worker');
  await cancelDispatch(producer.store, dispatchId, 'test');
  await new CancelledSettler(producer, new ResultRecorder(producer, NOBODY), 0).look();
  expect(await batches()).toMatchObject([{ state: 'queued' }]);
  await redis.del(`${urgent.toKey(`b-${dispatchId}-0-1`)}:lock`);
});

test('a cancelled notification whose add is still on its way does not end before that can land no more', async () => {
  await queue([{ id: 1, tokenIds: [1] }]);
  const { urgent } = producer.queues[0]!.lanes;
  await urgent.obliterate();
  const dispatchId = (await batches())[0]!.dispatch_id;
  await cancelDispatch(producer.store, dispatchId, 'test');
  const settler = new CancelledSettler(producer, new ResultRecorder(producer, NOBODY), 0);
  await settler.look();
  await settler.look();
  expect(await batches()).toMatchObject([{ state: 'queued' }]);
  const ended = 'SELECT 1 FROM pushfleet_dispatch WHERE finished_at IS NOT NULL';
  expect(await fleet.database.query(ended)).toEqual([]);
  await fleet.database.query('UPDATE pushfleet_batch SET queued_at = queued_at - INTERVAL 10 SECOND');
  await settler.look();
  await settler.look();
  expect(await batches()).toMatchObject([{ state: 'settled', cancelled: 1 }]);
  expect(await fleet.database.query(ended)).toHaveLength(1);
});

test('after Redis was emptied each app is recovered once, by one of two producers', async () => {
  await queue([
    { id: 1, tokenIds: [1] },
    { id: 2, tokenIds: [2], options: { app: 'other' } },
  ]);
  const recovered: string[] = [];
  const publishers = [1, 2].map(
    () => new ControlPublisher(producer, async ({ app }) => void recovered.push(app.name)),
  );
  for (const { app } of producer.queues)
    await producer.redis.del(`{${fleet.redisPrefix}-${app.name}}:control`);
  for (let round = 0; round < 3; round++) await Promise.all(publishers.map((publisher) => publisher.look()));
  expect(recovered.sort()).toEqual(['default', 'other']);
  for (const name of ['default', 'other'])
    expect(await readControlCopy(producer.redis, fleet.redisPrefix, name)).toMatchObject({
      phase: 'ok',
      epoch: 2,
    });
}, 180_000);

test('batches that wait in Redis do not hide lost ones behind them', async () => {
  await queue(range(1, 600).map((id) => ({ id, tokenIds: [1], options: { lane: 'urgent' } })));
  const dispatcher = new BatchDispatcher(producer);
  await new DueRowClaimer(producer, () => {}).look();
  for (let i = 0; i < 4; i++) await new AudiencePlanner(producer, () => {}).look();
  for (let i = 0; i < 5; i++) await dispatcher.look('urgent');
  const all = await batches();
  expect(all.filter(({ state }) => state === 'queued')).toHaveLength(600);
  await fleet.database.query('UPDATE pushfleet_batch SET queued_at = queued_at - INTERVAL 1 HOUR');
  const [last] = await fleet.database.query<{ dispatch_id: number }>(
    'SELECT dispatch_id FROM pushfleet_batch ORDER BY queued_at DESC, dispatch_id DESC LIMIT 1',
  );
  const queues = producer.queues[0]!;
  await queues.lanes.urgent.remove(`b-${last!.dispatch_id}-0-1`);
  expect(await reconcile(producer, new ResultRecorder(producer, NOBODY), queues, 30_000)).toBe(1);
}, 180_000);
