import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { Brake } from '@pushfleet/app-producer/brake';
import { DueRowClaimer } from '@pushfleet/app-producer/claim-due-rows';
import { DispatchCompleter } from '@pushfleet/app-producer/complete-dispatches';
import { BatchDispatcher } from '@pushfleet/app-producer/dispatch-batches';
import { AudiencePlanner } from '@pushfleet/app-producer/plan-audiences';
import { planLargeAudience } from '@pushfleet/app-producer/plan-large-audience';
import { registerApps } from '@pushfleet/app-producer/publish-control';
import { ResultRecorder } from '@pushfleet/app-producer/record-results';
import type { RightOfWay } from '@pushfleet/app-producer/right-of-way';
import { CancelledSettler } from '@pushfleet/app-producer/settle-waiting';
import { EXPIRED } from '@pushfleet/shared/domain/outcomes';
import { holdDispatch, releaseDispatch } from '@pushfleet/shared/store/holds';
import { takeOverPlannings } from '@pushfleet/shared/store/planning-leases';
import { readOwnPlannings } from '@pushfleet/shared/store/plans';
import { readReplayBatches, replayBatches } from '@pushfleet/shared/store/replay';
import { cancelDispatch, settleWaiting } from '@pushfleet/shared/store/settle';
import { insertGroup, insertNotifications, insertTokens, range } from '../harness/backend-rows.ts';
import { deviceToken, type Fleet, startFleet } from '../harness/fleet.ts';
import { type OpenProducer, openProducerContext } from '../harness/producer-context.ts';

/** Three pages. */
const AUDIENCE = 6_000;
const PAGE = 2_500;
const NOBODY = { settled() {}, retired() {}, parked() {} };

let fleet: Fleet;
let producer: OpenProducer;

beforeAll(async () => {
  fleet = await startFleet();
  producer = await openProducerContext(fleet, { PUSHFLEET_BRAKE_MIN: '20' });
  await registerApps(producer);
  await insertTokens(
    fleet.database,
    range(1, AUDIENCE).map((id) => ({ id, deviceToken: deviceToken(id) })),
  );
  await insertGroup(fleet.database, 1, range(1, AUDIENCE));
});
beforeEach(async () => {
  await again();
  await plan({ pages: 1 });
});

/** The notification anew, claimed. */
async function again(): Promise<void> {
  for (const table of ['outcome', 'batch', 'dispatch', 'request', 'command'])
    await fleet.database.query(`DELETE FROM pushfleet_${table}`);
  await fleet.database.query('DELETE FROM notification');
  for (const { lanes } of producer.queues) await lanes.bulk.obliterate();
  await insertNotifications(fleet.database, [{ id: 1, groupIds: [1] }]);
  await new DueRowClaimer(producer, () => {}).look();
}

afterAll(async () => {
  await producer?.close();
  await fleet?.stop();
});

interface Planned {
  readonly pages?: number;
  /** Memberships counted before the scan. */
  readonly memberships?: number;
}

/** Plans on from where it stands. @returns whether its batches might be queued meanwhile */
async function plan({
  pages = Number.POSITIVE_INFINITY,
  memberships = AUDIENCE,
}: Planned = {}): Promise<boolean> {
  const [planning] = await readOwnPlannings(producer.store, producer.owner, 'oldest', 1);
  const stop = new AbortController();
  let reads = 0;
  let isOverlapped = false;
  const rightOfWay = {
    async giveWay() {
      isOverlapped ||= producer.sentWhilePlanned.has(planning!.dispatchId);
      if (reads++ === pages) stop.abort();
    },
  };
  const context = { ...producer, rightOfWay } as unknown as OpenProducer;
  const lists = { groupIds: ['1'], directMembers: 0 };
  await planLargeAudience(context, planning!, lists, { memberships, lane: 'bulk', signal: stop.signal });
  expect(producer.sentWhilePlanned.size).toBe(0);
  return isOverlapped;
}

/** By the producer that is planning it at this moment, or by another one. */
async function dispatch({ alertsComeIn = false, byAnother = false } = {}): Promise<void> {
  const { id } = await dispatchState();
  const dispatcher = new BatchDispatcher({
    ...producer,
    rightOfWay: { alertsComeIn } as RightOfWay,
    sentWhilePlanned: new Set(byAnother ? [] : [id]),
  });
  while (await dispatcher.look('bulk'));
}

/** As if workers had told that everybody who is queued was accepted. */
async function acceptQueued(): Promise<void> {
  await fleet.database.query(
    "UPDATE pushfleet_batch SET outcomes = REPEAT(CHAR(6), size), accepted = size, cancelled = 0, state = 'settled' WHERE state = 'queued'",
  );
}

async function recipientsBy(state: 'planned' | 'queued' | 'settled'): Promise<number> {
  const [row] = await fleet.database.query<{ n: string | null }>(
    'SELECT SUM(size) AS n FROM pushfleet_batch WHERE state = ?',
    [state],
  );
  return Number(row!.n ?? 0);
}

async function dispatchState() {
  const [row] = await fleet.database.query<{ id: number; state: string; sent: number }>(
    'SELECT d.id, d.state, n.sent FROM pushfleet_dispatch d JOIN notification n ON n.id = d.notification_id',
  );
  return row!;
}

test('what is planned goes to Redis while the rest is being planned, and the end waits for the end of planning', async () => {
  await dispatch();
  expect(await recipientsBy('queued')).toBe(PAGE);
  await acceptQueued();
  const completer = new DispatchCompleter(producer);
  completer.hint((await dispatchState()).id);
  await completer.look();
  expect(await dispatchState()).toMatchObject({ state: 'planning', sent: 0 });
  expect(await fleet.status(1)).toMatchObject({ state: 'planning', recipients: PAGE, accepted: PAGE });

  await plan();
  expect(await dispatchState()).toMatchObject({ state: 'sending', sent: 0 });
  await dispatch();
  expect(await recipientsBy('queued')).toBe(AUDIENCE - PAGE);
  await acceptQueued();
  completer.hint((await dispatchState()).id);
  await completer.look();
  expect(await dispatchState()).toMatchObject({ state: 'done', sent: 1 });
  expect(await fleet.status(1)).toMatchObject({ recipients: AUDIENCE, accepted: AUDIENCE, pending: 0 });
});

test('while alerts come in it is planned to its end first', async () => {
  await dispatch({ alertsComeIn: true });
  expect(await recipientsBy('planned')).toBe(PAGE);
  await plan();
  await dispatch({ alertsComeIn: true });
  expect(await recipientsBy('queued')).toBe(AUDIENCE);
});

test('planner and dispatcher of one producer: what the first page brought is queued before the last is planned', async () => {
  await again();
  const rightOfWay = { alertsComeIn: false, giveWay: () => sleep(300) } as unknown as RightOfWay;
  const context = { ...producer, rightOfWay };
  const planner = new AudiencePlanner(context, () => {});
  const dispatcher = new BatchDispatcher(context);
  let early = 0;
  for (let tries = 0; early === 0 && tries < 300; tries++) {
    await planner.look();
    await dispatcher.look('bulk');
    if ((await dispatchState()).state !== 'planning') break;
    early = await recipientsBy('queued');
  }
  await planner.stop();
  expect(early).toBeGreaterThanOrEqual(PAGE);
});

test('only the producer that plans it knows that it may go, and only while every device token is remembered', async () => {
  await dispatch({ byAnother: true });
  await fleet.database.query("UPDATE pushfleet_dispatch SET owner = 'who took it over'");
  await dispatch();
  expect(await recipientsBy('planned')).toBe(PAGE);
  await fleet.database.query('UPDATE pushfleet_dispatch SET owner = ?', [producer.owner]);
  // After a take-over, or a break, some of those taken are known by their rows alone, which may be gone.
  expect(await plan()).toBe(false);
  await again();
  expect(await plan({ memberships: 2_000_000 })).toBe(false);
  await again();
  expect(await plan()).toBe(true);
});

test('a device token that changes in its row while lists still grow makes no second recipient of that row', async () => {
  await again();
  const [planning] = await readOwnPlannings(producer.store, producer.owner, 'oldest', 1);
  const changed = deviceToken(AUDIENCE + 1);
  const rightOfWay = {
    async giveWay() {
      await fleet.database.query(
        'UPDATE token SET token = ? WHERE id = ? AND ? < (SELECT COUNT(*) FROM pushfleet_batch)',
        [changed, 1, 0],
      );
      await fleet.database.query('INSERT IGNORE INTO notification_token VALUES (1, 2)');
    },
  };
  const context = { ...producer, rightOfWay } as unknown as OpenProducer;
  const lists = { groupIds: ['1'], directMembers: 0 };
  const signal = new AbortController().signal;
  await planLargeAudience(context, planning!, lists, { memberships: AUDIENCE, lane: 'bulk', signal });
  const [token] = await fleet.database.query('SELECT token FROM token WHERE id = 1');
  await fleet.database.query('UPDATE token SET token = ? WHERE id = 1', [deviceToken(1)]);
  expect(token).toEqual({ token: changed });
  expect(await recipientsBy('planned')).toBe(AUDIENCE);
});

test('the brake holds it while it is being planned: nothing more goes to Redis, and it is planned to its end', async () => {
  await brakeAt(await dispatchState());
  expect((await dispatchState()).state).toBe('held');
  await dispatch();
  expect(await recipientsBy('planned')).toBe(PAGE);

  await plan();
  expect((await dispatchState()).state).toBe('held');
  await dispatch();
  expect(await recipientsBy('planned')).toBe(AUDIENCE);
  await releaseDispatch(producer.store, (await dispatchState()).id, 'a test');
  expect((await dispatchState()).state).toBe('sending');
  await dispatch();
  expect(await recipientsBy('queued')).toBe(AUDIENCE);
});

test('one that is held and cannot be sent to any more does not end before it is planned to its end', async () => {
  const { id } = await dispatchState();
  await brakeAt({ id });
  await settleWaiting(producer.store, id, EXPIRED, ['planned']);
  const completer = new DispatchCompleter(producer);
  completer.hint(id);
  await completer.look();
  expect((await dispatchState()).state).toBe('held');

  await plan();
  await settleWaiting(producer.store, id, EXPIRED, ['planned']);
  completer.hint(id);
  await completer.look();
  expect(await dispatchState()).toMatchObject({ state: 'expired', sent: 1 });
});

test('released before it is planned to its end it is planned on, and sent', async () => {
  const { id } = await dispatchState();
  await brakeAt({ id });
  await releaseDispatch(producer.store, id, 'a test');
  expect((await dispatchState()).state).toBe('planning');
  await dispatch();
  expect(await recipientsBy('queued')).toBe(PAGE);
  await plan();
  expect((await dispatchState()).state).toBe('sending');
});

test('a held one whose producer died is planned on by another', async () => {
  await brakeAt(await dispatchState());
  await fleet.database.query(
    "UPDATE pushfleet_dispatch SET owner = 'dead', lease_until = NOW() - INTERVAL 1 DAY",
  );
  expect(await takeOverPlannings(producer.store, producer.owner, 'abcd1234', 10)).toBe(1);
  await plan();
  expect((await dispatchState()).state).toBe('held');
  expect(await recipientsBy('planned')).toBe(AUDIENCE);
});

test('cancelled while it is being planned: what is queued comes back from Redis, nothing more is planned', async () => {
  await dispatch();
  const { id } = await dispatchState();
  await cancelDispatch(producer.store, id, 'a test');
  expect(await readOwnPlannings(producer.store, producer.owner, 'oldest', 1)).toEqual([]);
  const settler = new CancelledSettler(producer, new ResultRecorder(producer, NOBODY), 0);
  await settler.look();
  await settler.look();
  expect(await fleet.status(1)).toMatchObject({
    state: 'cancelled',
    recipients: PAGE,
    cancelled: PAGE,
    pending: 0,
    error: expect.stringContaining('while its audience was being planned'),
  });
  expect(await producer.queues[0]!.lanes.bulk.getJobCounts('waiting', 'active')).toMatchObject({
    waiting: 0,
  });
});

test.each([
  ['replayed', false],
  ['replayed, held by the brake, and resumed', true],
])('cancelled while it was being planned and %s, it ends', async (_, isHeld) => {
  const { id } = await dispatchState();
  await cancelDispatch(producer.store, id, 'a test');
  const settler = new CancelledSettler(producer, new ResultRecorder(producer, NOBODY), 0);
  await settler.look();
  const choice = { outcomes: ['cancelled'] as const, reason: null };
  await fleet.database.query(
    "INSERT INTO pushfleet_command (id, verb, arguments, requested_by, requested_at) VALUES (1, 'replay', '{}', 'a test', UTC_TIMESTAMP(3) + INTERVAL 1 MINUTE)",
  );
  const batches = await readReplayBatches(producer.store, id, choice, 1, -1, 100);
  expect(await replayBatches(producer.store, id, batches, choice, 3_600_000)).toBe(PAGE);
  if (isHeld) {
    expect(await holdDispatch(producer.store, id, 'too many refusals')).toBe(true);
    expect(await releaseDispatch(producer.store, id, 'a test')).toBe(true);
  }
  // A replay waits until workers have forgotten the cancel.
  await fleet.database.query('UPDATE pushfleet_batch SET not_before = UTC_TIMESTAMP(3)');
  await dispatch();
  await acceptQueued();
  const completer = new DispatchCompleter(producer);
  completer.hint(id);
  await completer.look();
  expect(await dispatchState()).toMatchObject({ state: 'done', sent: 1 });
});

/** APNs has refused the device tokens of 20 recipients, and the brake looks. */
async function brakeAt({ id }: { readonly id: number }): Promise<void> {
  await fleet.database.query(
    `INSERT INTO pushfleet_outcome (dispatch_id, token_id, seq, outcome, status, reason, attempts, apns_id, at)
     VALUES ${range(1, 20).map((token) => `(${id}, ${token}, 0, 'rejected', 400, 'BadDeviceToken', 1, UUID(), NOW())`)}`,
  );
  await fleet.database.query('UPDATE pushfleet_batch SET rejected = 20 WHERE seq = 0');
  // Without a hint: the producer that recorded it may have died.
  await new Brake(producer, () => {}).look();
}
