import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { executeCommands } from '@pushfleet/app-producer/execute-commands';
import { encodeProgress, newProgress } from '@pushfleet/shared/domain/batch-progress';
import { ACCEPTED, FAILED } from '@pushfleet/shared/domain/outcomes';
import { requestCommand, takeCommand } from '@pushfleet/shared/store/commands';
import { completeDispatches } from '@pushfleet/shared/store/completion';
import { recordTellings } from '@pushfleet/shared/store/record';
import { readReplayBatches } from '@pushfleet/shared/store/replay';
import { insertNotifications, insertTokens, range } from '../harness/backend-rows.ts';
import { deviceToken, type Fleet, startFleet } from '../harness/fleet.ts';
import type { FleetProcess } from '../harness/fleet-process.ts';
import { type OpenProducer, openProducerContext } from '../harness/producer-context.ts';

let fleet: Fleet;
let context: OpenProducer;
const processes: FleetProcess[] = [];

beforeAll(async () => {
  fleet = await startFleet({ environment: { PUSHFLEET_MAX_ATTEMPTS: '1', PUSHFLEET_BATCH_SIZE: '50' } });
  context = await openProducerContext(fleet);
  await insertTokens(
    fleet.database,
    range(1, 100).map((id) => ({ id, deviceToken: deviceToken(id) })),
  );
}, 180_000);
afterEach(async () => {
  await Promise.all(processes.splice(0).map((one) => one.stop()));
  fleet.simulator.reset();
}, 180_000);
afterAll(async () => {
  await context?.close();
  await fleet?.stop();
}, 180_000);

async function start() {
  processes.push(await fleet.startProducer(), await fleet.startWorker());
}

/** Of a hundred recipients 1 to 10 get 503 and fail at once, 11 to 15 are no device tokens of this topic. */
function refuseSome() {
  const rules = [
    ...range(1, 10).map((id) => `device ${deviceToken(id)} answer 503 ServiceUnavailable`),
    ...range(11, 15).map((id) => `device ${deviceToken(id)} answer 400 DeviceTokenNotForTopic`),
    `device ${deviceToken(16)} answer 500 InternalServerError`,
  ];
  fleet.simulator.script(rules.join('\n'));
}

function timesAccepted(): Map<string, number> {
  const times = new Map<string, number>();
  for (const { deviceToken: one } of fleet.simulator.accepted()) times.set(one, (times.get(one) ?? 0) + 1);
  return times;
}

test('F2: replay sends again to those who failed and to nobody else', async () => {
  refuseSome();
  await start();
  await insertNotifications(fleet.database, [{ id: 1, tokenIds: range(1, 100) }]);
  await fleet.ended([1]);
  expect(await fleet.status(1)).toMatchObject({ accepted: 84, failed: 11, rejected: 5, state: 'done' });
  const [{ queue }] = context.queues.map(({ lanes }) => ({ queue: lanes.urgent })) as [
    { queue: (typeof context.queues)[0]['lanes']['urgent'] },
  ];
  expect(await queue.getFailedCount()).toBe(1);

  // Without a terminal nothing is sent by mistake.
  expect(await fleet.run(['replay', '1'])).toMatchObject({
    exitCode: 2,
    stderr: expect.stringContaining('--yes'),
  });
  expect(await fleet.run(['replay', '1', '--outcome', 'accepted', '--yes'])).toMatchObject({ exitCode: 2 });
  expect(await fleet.run(['replay', '1', '--outcome', 'expired', '--yes'])).toMatchObject({
    exitCode: 1,
    stderr: 'pushfleet: notification 1 has nobody who is expired; nothing is sent\n',
  });
  expect(await fleet.run(['replay', '999', '--yes'])).toMatchObject({ exitCode: 1 });

  fleet.simulator.script('all latency 0ms');
  expect(await fleet.run(['replay', '1', '--reason', 'ServiceUnavailable', '--yes'])).toMatchObject({
    exitCode: 0,
    stdout: 'notification 1 is sent again to 10 recipients\n',
  });
  await fleet.ended([1]);
  expect(await fleet.status(1)).toMatchObject({
    state: 'done',
    accepted: 94,
    failed: 1,
    rejected: 5,
    pending: 0,
    reasons: { InternalServerError: 1, DeviceTokenNotForTopic: 5 },
  });
  expect(await fleet.run(['replay', '1', '--outcome', 'failed,rejected', '--yes'])).toMatchObject({
    stdout: 'notification 1 is sent again to 6 recipients\n',
  });
  await fleet.ended([1]);
  expect(await fleet.status(1)).toMatchObject({ state: 'done', accepted: 100, reasons: {} });
  // Each once, and nothing is left in Redis that somebody could retry.
  expect([...timesAccepted().values()].filter((times) => times !== 1)).toEqual([]);
  expect(timesAccepted().size).toBe(100);
  expect(await queue.getFailedCount()).toBe(0);
  const [row] = await fleet.database.query('SELECT sent FROM notification WHERE id = 1');
  expect(row).toEqual({ sent: 1 });
}, 180_000);

test('F17: a replay of what was cancelled because the backend set sent is not cancelled by the same sent', async () => {
  await start();
  await fleet.pause();
  await insertNotifications(fleet.database, [{ id: 2, tokenIds: range(1, 20) }]);
  await until(async () => (await batches(2)).length > 0);
  await fleet.database.query('UPDATE notification SET sent = 1 WHERE id = 2');
  await fleet.ended([2]);
  expect(await fleet.status(2)).toMatchObject({ state: 'cancelled', cancelled: 20 });
  await fleet.run(['resume']);
  expect(await fleet.run(['replay', '2', '--outcome', 'cancelled', '--yes'])).toMatchObject({ exitCode: 0 });
  await fleet.ended([2]);
  expect(await fleet.status(2)).toMatchObject({ state: 'done', accepted: 20, error: null });
}, 180_000);

test('replay after the deadline has a new one, and an expiry that has passed is not sent along', async () => {
  const expiry = Math.floor(Date.now() / 1_000) + 2;
  fleet.simulator.script('device * answer 503 ServiceUnavailable');
  await start();
  await insertNotifications(fleet.database, [
    { id: 3, tokenIds: [1], options: { expiry } },
    { id: 4, tokenIds: [2], options: { expiry: 0 } },
    { id: 5, tokenIds: [3], options: { expiry: expiry + 3_600 } },
  ]);
  await fleet.ended([3, 4, 5]);
  await new Promise((resolve) => setTimeout(resolve, expiry * 1_000 - Date.now() + 1_100));
  fleet.simulator.script('all latency 0ms');
  const before = Math.floor(Date.now() / 1_000);
  for (const id of ['3', '4', '5'])
    expect(await fleet.run(['replay', id, '--outcome', 'failed,expired', '--yes'])).toMatchObject({
      exitCode: 0,
    });
  await fleet.ended([3, 4, 5]);
  const sent = new Map(fleet.simulator.accepted().map((push) => [push.deviceToken, push.expiration]));
  expect(Number(sent.get(deviceToken(1)))).toBeGreaterThanOrEqual(before + 86_400);
  expect(Number(sent.get(deviceToken(1)))).toBeLessThan(before + 86_460);
  expect(sent.get(deviceToken(2))).toBe('0');
  expect(sent.get(deviceToken(3))).toBe(String(expiry + 3_600));
}, 180_000);

test('F2: what the generation before still tells after a replay counts only where APNs answered', async () => {
  refuseSome();
  await start();
  await insertNotifications(fleet.database, [{ id: 6, tokenIds: [1, 2] }]);
  await fleet.ended([6]);
  await Promise.all(processes.splice(0).map((one) => one.stop()));
  const { dispatch_id: dispatchId, nonce, generation } = (await batches(6))[0]!;
  await replayNow(6);
  expect((await batches(6))[0]).toMatchObject({ state: 'parked', failed: 0, generation: generation + 1 });
  expect(await fleet.status(6)).toMatchObject({ state: 'sending', pending: 2, reasons: {} });

  const progress = newProgress(2);
  progress.outcomes.set([ACCEPTED, FAILED]);
  const telling = { dispatchId, seq: 0, generation, nonce, progress, ended: true };
  const [recorded] = await recordTellings(context.store, [telling], new Set());
  expect(recorded!.state).toBe('parked');
  expect(await fleet.status(6)).toMatchObject({ accepted: 1, failed: 0, pending: 1 });

  // Opened between being listed as finished and being ended, by a replay elsewhere: it stays open.
  const finished = [{ dispatchId, notificationId: '6', expired: false }];
  expect(await completeDispatches(context.store, finished, '2026-01-01 00:00:00')).toEqual([]);

  fleet.simulator.script('all latency 0ms');
  await start();
  await fleet.ended([6]);
  expect(fleet.simulator.accepted().map(({ deviceToken: one }) => one)).toEqual([deviceToken(2)]);
}, 180_000);

test('F3: a batch that is being retried, or whose result is on its way, is not replayed beside it', async () => {
  refuseSome();
  await start();
  await insertNotifications(fleet.database, [{ id: 7, tokenIds: [1] }]);
  await fleet.ended([7]);
  await Promise.all(processes.splice(0).map((one) => one.stop()));
  const { dispatch_id: dispatch, nonce, generation } = (await batches(7))[0]!;
  const { lanes, results } = context.queues[0]!;
  const jobId = `b-${dispatch}-0-${generation}`;
  await context.redis.set(`${lanes.urgent.toKey(jobId)}:lock`, 'a worker');
  expect(await replayNow(7)).toMatchObject({ succeeded: 0, result: expect.stringContaining('retried') });
  await context.redis.del(`${lanes.urgent.toKey(jobId)}:lock`);

  const progress = newProgress(1);
  progress.outcomes[0] = ACCEPTED;
  const { fleet: name } = context;
  const result = {
    v: 1,
    fleet: name,
    dispatch,
    seq: 0,
    generation,
    nonce,
    app: 'default',
    worker: 'w',
  } as const;
  await results.add(
    'result',
    { ...result, progress: encodeProgress(progress), ended: true },
    { jobId: `r-${dispatch}-0-${generation}-x` },
  );
  expect(await replayNow(7)).toMatchObject({ succeeded: 0 });
  expect((await batches(7))[0]).toMatchObject({ state: 'settled', failed: 1 });
  await start();
  await until(async () => (await batches(7))[0]!.failed === 0);
  expect(await fleet.status(7)).toMatchObject({ accepted: 1, state: 'done' });
}, 180_000);

test('a replay whose producer died is carried on by another, and not a second time for those it had done', async () => {
  refuseSome();
  await start();
  await insertNotifications(fleet.database, [{ id: 8, tokenIds: range(1, 100) }]);
  await fleet.ended([8]);
  const command = { verb: 'replay', notificationId: '8', outcomes: ['failed'], reason: null } as const;
  const id = await requestCommand(context.store, { ...command, outcomes: ['failed'] }, 'test');
  // Taken by nobody who lives.
  if (await takeCommand(context.store, id)) await new Promise((resolve) => setTimeout(resolve, 1_500));
  await fleet.database.query(
    'UPDATE pushfleet_command SET executed_at = executed_at - INTERVAL 40 SECOND WHERE id = ? AND succeeded IS NULL',
    [id],
  );
  await until(async () => (await commandRow(id)).succeeded === 1);
  await fleet.ended([8]);
  // They failed once more, after the wish was written: carried out again it finds nobody.
  const { dispatch_id: dispatchId } = (await batches(8))[0]!;
  expect(await fleet.status(8)).toMatchObject({ failed: 11, accepted: 84 });
  const choice = { outcomes: ['failed'], reason: null } as const;
  expect(await readReplayBatches(context.store, dispatchId, choice, id, -1, 10)).toEqual([]);
}, 180_000);

async function replayNow(notificationId: number) {
  const id = await requestCommand(
    context.store,
    { verb: 'replay', notificationId: String(notificationId), outcomes: ['failed'], reason: null },
    'test',
  );
  await executeCommands(context, () => {});
  return commandRow(id);
}

async function commandRow(id: number) {
  const [row] = await fleet.database.query<{ succeeded: number | null; result: string | null }>(
    'SELECT succeeded, result FROM pushfleet_command WHERE id = ?',
    [id],
  );
  return row!;
}

async function batches(notificationId: number) {
  return fleet.database.query<{
    dispatch_id: number;
    nonce: string;
    state: string;
    generation: number;
    failed: number;
  }>(
    `SELECT b.dispatch_id, b.nonce, b.state, b.generation, b.failed FROM pushfleet_batch b
       JOIN pushfleet_dispatch d ON d.id = b.dispatch_id WHERE d.notification_id = ? ORDER BY b.seq`,
    [notificationId],
  );
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; !(await condition()); tries++) {
    if (tries > 400) throw new Error('it did not happen in 20 s');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
