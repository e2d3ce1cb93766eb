import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { scalingDocument } from '@pushfleet/app-producer/scaling';
import { findFreePort } from '@pushfleet/local-servers/free-port';
import { insertGroup, insertNotifications, insertTokens, range } from '../harness/backend-rows.ts';
import { deviceToken, type Fleet, startFleet } from '../harness/fleet.ts';
import { readMetrics, type Sample, sampleOf } from '../harness/metrics-text.ts';
import { openProducerContext } from '../harness/producer-context.ts';
import { untilTrue } from '../harness/wait.ts';

const RECIPIENTS = 400;
let fleet: Fleet;
let producer: string;
let worker: string;

beforeAll(async () => {
  fleet = await startFleet({
    environment: {
      PUSHFLEET_BATCH_SIZE: '100',
      PUSHFLEET_BRAKE_MIN: '150',
      PUSHFLEET_RATE_PER_SECOND: '5000',
    },
  });
  await insertTokens(
    fleet.database,
    range(1, RECIPIENTS).map((id) => ({ id, deviceToken: deviceToken(id) })),
  );
  await insertGroup(fleet.database, 1, range(1, 100));
  await insertGroup(fleet.database, 2, range(101, RECIPIENTS));
  const [first, second] = [await findFreePort(), await findFreePort()];
  producer = `http://127.0.0.1:${first}`;
  worker = `http://127.0.0.1:${second}`;
  await Promise.all([
    fleet.startProducer({ PUSHFLEET_HTTP_PORT: String(first) }),
    fleet.startWorker({ PUSHFLEET_HTTP_PORT: String(second) }),
  ]);
}, 180_000);
afterAll(() => fleet?.stop(), 60_000);

test('after a broadcast with every kind of answer both processes show what happened', async () => {
  fleet.simulator.script(
    [
      `device ${deviceToken(1)} answer 400 BadDeviceToken`,
      `device ${deviceToken(2)} answer 410 Unregistered`,
      `device ${deviceToken(3)} answer 503 ServiceUnavailable times 1 then accept`,
    ].join('\n'),
  );
  await insertNotifications(fleet.database, [
    { id: 1, groupIds: [1] },
    { id: 2, message: 'nobody', options: 7 as never },
  ]);
  await fleet.ended([1]);
  const seen = await untilTrue(
    () => readMetrics(producer),
    (now) => sampleOf(now, 'pushfleet_retirements_total', { reason: 'Unregistered' }) === 1,
  );
  const of = (name: string, labels: Record<string, string> = {}) => sampleOf(seen, name, labels);
  expect(of('pushfleet_retirements_total', { app: 'default', reason: 'Unregistered' })).toBe(1);
  expect(of('pushfleet_rows_skipped_total', { cause: 'invalid' })).toBe(1);
  expect(of('pushfleet_rows_skipped_total', { cause: 'too_old' })).toBe(0);
  expect(of('pushfleet_lost_batches_requeued_total')).toBe(0);
  expect(of('pushfleet_rate_limit', { app: 'default' })).toBe(5_000);
  expect(of('pushfleet_backlog_recipients', { app: 'default' })).toBe(0);
  expect(of('pushfleet_oldest_due_seconds')).toBe(0);
  expect(of('pushfleet_redis_memory_bytes')).toBeGreaterThan(100_000);
  expect(of('pushfleet_redis_memory_limit_bytes')).toBeGreaterThan(of('pushfleet_redis_memory_bytes')!);
  expect(of('pushfleet_build_info', { process: 'producer' })).toBe(1);
  expect(of('pushfleet_source_up', { source: 'mysql' })).toBe(1);
  expect(of('pushfleet_paused', { app: 'default', cause: 'operator' })).toBe(0);
  expect(of('process_resident_memory_bytes')).toBeGreaterThan(1_000_000);

  const sent = await readMetrics(worker);
  const told = (name: string, labels: Record<string, string> = {}) =>
    sampleOf(sent, name, { app: 'default', ...labels });
  expect(told('pushfleet_outcomes_total', { outcome: 'accepted', reason: '' })).toBe(98);
  expect(told('pushfleet_outcomes_total', { outcome: 'rejected', reason: 'BadDeviceToken' })).toBe(1);
  expect(told('pushfleet_outcomes_total', { outcome: 'retired', reason: 'Unregistered' })).toBe(1);
  expect(told('pushfleet_retries_total', { reason: 'ServiceUnavailable' })).toBe(1);
  expect(told('pushfleet_unanswered_resends_total')).toBe(0);
  expect(told('pushfleet_in_flight')).toBe(0);
  expect(told('pushfleet_stream_limit')).toBeGreaterThan(0);
  expect(told('pushfleet_connection_state', { state: 'ready' })).toBe(1);
  expect(told('pushfleet_connects_total')).toBe(1);
  expect(told('pushfleet_credential_expiry_seconds')).toBe(Number.POSITIVE_INFINITY);
  expect(sampleOf(sent, 'pushfleet_due_to_accepted_seconds_count')).toBe(98);
  expect(sampleOf(sent, 'pushfleet_request_seconds_count')).toBe(101);
  expect(sampleOf(sent, 'pushfleet_last_batch_started_timestamp_seconds')).toBeGreaterThan(1_700_000_000);
  expect(sampleOf(sent, 'pushfleet_build_info', { process: 'worker' })).toBe(1);
}, 180_000);

test('paused and held work is shown, and asks for no workers', async () => {
  await fleet.pause();
  await insertNotifications(fleet.database, [{ id: 3, groupIds: [2] }]);
  const recipients = RECIPIENTS - 100;
  const inLanes = (now: Sample[]) =>
    ['planned', 'queued', 'parked'].reduce(
      (sum, state) =>
        sum + sampleOf(now, 'pushfleet_queue_recipients', { app: 'default', lane: 'bulk', state })!,
      0,
    );
  const paused = await untilTrue(
    () => readMetrics(producer),
    (now) => inLanes(now) === recipients,
  );
  expect(sampleOf(paused, 'pushfleet_paused', { app: 'default', cause: 'operator' })).toBe(1);
  expect(sampleOf(paused, 'pushfleet_backlog_recipients', { app: 'default' })).toBe(0);
  expect(await scaling('default')).toEqual({ app: 'default', backlog: 0 });
  expect((await fetch(`${producer}/scaling/nobody`)).status).toBe(404);

  // The brake holds it after a few answers; what is left of it is work, but not for workers.
  fleet.simulator.script('device * answer 400 BadDeviceToken');
  await fleet.run(['rate', '60']);
  await fleet.run(['resume']);
  const held = await untilTrue(
    () => readMetrics(producer),
    (now) => sampleOf(now, 'pushfleet_held_notifications') === 1,
  );
  expect(sampleOf(held, 'pushfleet_backlog_recipients', { app: 'default' })).toBeGreaterThan(0);
  expect(sampleOf(held, 'pushfleet_rate_limit', { app: 'default' })).toBe(60);
  expect(await scaling('default')).toEqual({ app: 'default', backlog: 1 });
  // Whichever producer is asked: the answer is MySQL's.
  const another = await openProducerContext(fleet);
  try {
    expect(await scalingDocument(another, '/scaling/default')).toEqual({ app: 'default', backlog: 1 });
  } finally {
    await another.close();
  }
}, 180_000);

test('a topic that APNs refuses counts as paused by a breaker', async () => {
  const breaker = { credential: 'aa', topic: 'com.example.app', reason: 'TopicDisallowed', since: 1 };
  // The producer puts right within a second what Redis does not know.
  await untilTrue(
    async () => {
      await fleet.database.query('UPDATE pushfleet_app SET breaker = ?', [JSON.stringify([breaker])]);
      return readMetrics(producer);
    },
    (now) => sampleOf(now, 'pushfleet_paused', { app: 'default', cause: 'breaker' }) === 1,
  );
});

async function scaling(app: string): Promise<unknown> {
  return (await fetch(`${producer}/scaling/${app}`)).json();
}
