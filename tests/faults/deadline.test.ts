import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { DueRowClaimer } from '@pushfleet/app-producer/claim-due-rows';
import { DispatchCompleter } from '@pushfleet/app-producer/complete-dispatches';
import { BatchDispatcher } from '@pushfleet/app-producer/dispatch-batches';
import { AudiencePlanner } from '@pushfleet/app-producer/plan-audiences';
import { registerApps } from '@pushfleet/app-producer/publish-control';
import { settleOverdue } from '@pushfleet/app-producer/settle-waiting';
import { pauseApp, resumeApp } from '@pushfleet/shared/store/apps';
import { insertGroup, insertNotifications, insertTokens, range, utcNow } from '../harness/backend-rows.ts';
import { deviceToken, type Fleet, startFleet } from '../harness/fleet.ts';
import type { FleetProcess } from '../harness/fleet-process.ts';
import { type OpenProducer, openProducerContext } from '../harness/producer-context.ts';

let fleet: Fleet;
let context: OpenProducer;
const processes: FleetProcess[] = [];
const AUDIENCE = 4_000;

beforeAll(async () => {
  // Slow enough that the time is up before the audience is through; the queue holds a part of it.
  fleet = await startFleet({
    environment: {
      PUSHFLEET_RATE_PER_SECOND: '300',
      PUSHFLEET_QUEUE_LIMIT: '1000',
      PUSHFLEET_BATCH_SIZE: '100',
    },
  });
  context = await openProducerContext(fleet);
  await registerApps(context);
  await insertTokens(
    fleet.database,
    range(1, AUDIENCE).map((id) => ({ id, deviceToken: deviceToken(id) })),
  );
  await insertGroup(fleet.database, 1, range(1, AUDIENCE));
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

async function sentOf(id: number) {
  const [row] = await fleet.database.query<{ sent: number }>('SELECT sent FROM notification WHERE id = ?', [
    id,
  ]);
  return row!.sent;
}

test('F23: past the deadline who was not sent to ends as expired, and nothing more is sent', async () => {
  await start();
  const expiry = Math.floor(Date.now() / 1_000) + 6;
  await insertNotifications(fleet.database, [{ id: 1, groupIds: [1], options: { expiry } }]);
  await fleet.ended([1]);
  const accepted = fleet.simulator.acceptedCount();
  expect(accepted).toBeGreaterThan(0);
  expect(accepted).toBeLessThan(AUDIENCE);
  expect(await fleet.status(1)).toMatchObject({
    state: 'expired',
    recipients: AUDIENCE,
    accepted,
    expired: AUDIENCE - accepted,
    pending: 0,
  });
  expect(await sentOf(1)).toBe(1);
  const pushes = fleet.simulator.accepted();
  expect(new Set(pushes.map(({ expiration }) => expiration))).toEqual(new Set([String(expiry)]));
  expect(Math.max(...pushes.map(({ atMs }) => atMs))).toBeLessThan(expiry * 1_000 + 500);
}, 180_000);

test('F23: also while the app is paused: planned and parked at once, queued ones when workers had their time', async () => {
  await pauseApp(context.store, 'default', 'test');
  await insertNotifications(fleet.database, [
    {
      id: 2,
      tokenIds: range(1, 1_500),
      options: { expiry: Math.floor(Date.now() / 1_000) + 600, lane: 'bulk' },
    },
  ]);
  await new DueRowClaimer(context, () => {}).look();
  const planner = new AudiencePlanner(context, () => {});
  await until(async () => {
    await planner.look();
    // The last batch is written a moment before its dispatch counts as planned.
    const sending = "SELECT 1 FROM pushfleet_dispatch WHERE state = 'sending' AND finished_at IS NULL";
    return (await fleet.database.query(sending)).length === 1;
  });
  expect(await states()).toEqual({ planned: 15 });
  await planner.stop();
  // Counted from here: a busy machine may take longer to plan than this test wants to wait.
  const deadlineMs = Date.now() + 10_000;
  await fleet.database.query(
    'UPDATE pushfleet_dispatch SET deadline = UTC_TIMESTAMP(3) + INTERVAL ? * 1000 MICROSECOND WHERE finished_at IS NULL',
    [deadlineMs - Date.now()],
  );
  const dispatcher = new BatchDispatcher(context);
  // A look does nothing while the connection to Redis is not there yet.
  await until(async () => {
    await dispatcher.look('bulk');
    return (await states()).queued === 10;
  });
  await fleet.database.query(
    "UPDATE pushfleet_batch SET state = 'parked', not_before = NOW() + INTERVAL 1 DAY WHERE state = 'planned' ORDER BY seq LIMIT 2",
  );
  expect(await states()).toEqual({ queued: 10, parked: 2, planned: 3 });
  expect(await settleOverdue(context)).toBe(false);
  expect(await states()).toEqual({ queued: 10, parked: 2, planned: 3 });

  await sleep(deadlineMs - Date.now() + 50);
  await settleOverdue(context);
  expect(await states()).toEqual({ queued: 10, settled: 5 });
  await fleet.database.query(
    "UPDATE pushfleet_dispatch SET deadline = deadline - INTERVAL 30 SECOND WHERE state = 'sending'",
  );
  await settleOverdue(context);
  await new DispatchCompleter(context).look();
  expect(await fleet.status(2)).toMatchObject({ state: 'expired', expired: 1_500, pending: 0 });
  expect(await sentOf(2)).toBe(1);

  // Their jobs are still in Redis. Resumed, workers end them without a request.
  await resumeApp(context.store, 'default');
  await start();
  const { bulk } = context.queues[0]!.lanes;
  await until(async () => {
    const { waiting = 0, active = 0, delayed = 0 } = await bulk.getJobCounts();
    return waiting + active + delayed === 0;
  });
  expect(fleet.simulator.requestCount()).toBe(0);
  expect(await fleet.status(2)).toMatchObject({ state: 'expired', expired: 1_500 });
}, 180_000);

test('F23: an expiry that has passed when the row is claimed ends everybody without a request', async () => {
  await start();
  const expiry = Math.floor(Date.now() / 1_000) - 5;
  await insertNotifications(fleet.database, [{ id: 3, tokenIds: [1, 2], options: { expiry } }]);
  await fleet.ended([3]);
  expect(await fleet.status(3)).toMatchObject({ state: 'expired', expired: 2, accepted: 0 });
  expect(await sentOf(3)).toBe(1);
  expect(fleet.simulator.requestCount()).toBe(0);
}, 180_000);

test('F23: apns-expiration is the end of what remains: the expiry, or a day after the due time; 0 stays 0', async () => {
  const due = Math.floor(Date.now() / 1_000) - 3_600;
  const expiry = due + 7_200;
  const dueText = utcNow(due * 1_000 - Date.now());
  await insertNotifications(fleet.database, [
    { id: 4, tokenIds: [1], due: dueText },
    { id: 5, tokenIds: [2], due: dueText, options: { expiry } },
    { id: 6, tokenIds: [3], due: dueText, options: { expiry: new Date(expiry * 1_000).toISOString() } },
    { id: 7, tokenIds: [4], due: dueText, options: { expiry: 0 } },
  ]);
  // The second attempt says the same: what remains is counted from the end, not from the attempt.
  fleet.simulator.script(`device ${deviceToken(1)} answer 503 ServiceUnavailable retry-after 1 times 1`);
  await start();
  await fleet.ended([4, 5, 6, 7]);
  const sent = new Map(fleet.simulator.accepted().map((push) => [push.deviceToken, push.expiration]));
  const dueSeconds = Date.parse(`${dueText.replace(' ', 'T')}Z`) / 1_000;
  expect([1, 2, 3, 4].map((id) => sent.get(deviceToken(id)))).toEqual([
    String(dueSeconds + 86_400),
    String(expiry),
    String(expiry),
    '0',
  ]);
}, 180_000);

/** Batches by state, of all dispatches that have not ended. */
async function states(): Promise<Record<string, number>> {
  const rows = await fleet.database.query<{ state: string; n: number }>(
    `SELECT b.state, COUNT(*) AS n FROM pushfleet_batch b JOIN pushfleet_dispatch d ON d.id = b.dispatch_id
      WHERE d.finished_at IS NULL GROUP BY b.state`,
  );
  return Object.fromEntries(rows.map(({ state, n }) => [state, n]));
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; !(await condition()); tries++) {
    if (tries > 1_200) throw new Error('it did not happen in a minute');
    await sleep(50);
  }
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, Math.max(0, ms)));
}
