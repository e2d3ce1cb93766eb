import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { Brake } from '@pushfleet/app-producer/brake';
import { DueRowClaimer } from '@pushfleet/app-producer/claim-due-rows';
import { DispatchCompleter } from '@pushfleet/app-producer/complete-dispatches';
import { BatchDispatcher } from '@pushfleet/app-producer/dispatch-batches';
import { planLargeAudience } from '@pushfleet/app-producer/plan-large-audience';
import { registerApps } from '@pushfleet/app-producer/publish-control';
import { ResultRecorder } from '@pushfleet/app-producer/record-results';
import { RightOfWay } from '@pushfleet/app-producer/right-of-way';
import { CancelledSettler } from '@pushfleet/app-producer/settle-waiting';
import { releaseDispatch } from '@pushfleet/shared/store/holds';
import { takeOverPlannings } from '@pushfleet/shared/store/planning-leases';
import { readOwnPlannings } from '@pushfleet/shared/store/plans';
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
  for (const table of ['outcome', 'batch', 'dispatch', 'request'])
    await fleet.database.query(`DELETE FROM pushfleet_${table}`);
  await fleet.database.query('DELETE FROM notification');
  for (const { lanes } of producer.queues) await lanes.bulk.obliterate();
  await insertNotifications(fleet.database, [{ id: 1, groupIds: [1] }]);
  await new DueRowClaimer(producer, () => {}).look();
  await plan({ pages: 1 });
});
afterAll(async () => {
  await producer?.close();
  await fleet?.stop();
});

/** Plans on from where it stands: so many pages, or to the end. */
async function plan({ pages = Number.POSITIVE_INFINITY } = {}): Promise<void> {
  const [planning] = await readOwnPlannings(producer.store, producer.owner, 'oldest', 1);
  const stop = new AbortController();
  let reads = 0;
  const rightOfWay = {
    async giveWay() {
      if (reads++ === pages) stop.abort();
    },
  };
  const context = { ...producer, rightOfWay } as unknown as OpenProducer;
  const lists = { groupIds: ['1'], directMembers: 0 };
  await planLargeAudience(context, planning!, lists, {
    memberships: AUDIENCE,
    lane: 'bulk',
    signal: stop.signal,
  });
}

async function dispatch(rightOfWay = new RightOfWay()): Promise<void> {
  const dispatcher = new BatchDispatcher({ ...producer, rightOfWay });
  while (await dispatcher.look('bulk'));
}

/** As if workers had told that everybody who is queued was accepted. */
async function acceptQueued(): Promise<void> {
  await fleet.database.query(
    "UPDATE pushfleet_batch SET outcomes = REPEAT(CHAR(6), size), accepted = size, state = 'settled' WHERE state = 'queued'",
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
  const rightOfWay = new RightOfWay();
  rightOfWay.claimed();
  await dispatch(rightOfWay);
  expect(await recipientsBy('planned')).toBe(PAGE);
  await plan();
  rightOfWay.claimed();
  await dispatch(rightOfWay);
  expect(await recipientsBy('queued')).toBe(AUDIENCE);
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
  await settleWaiting(producer.store, id, 3, ['planned']);
  const completer = new DispatchCompleter(producer);
  completer.hint(id);
  await completer.look();
  expect((await dispatchState()).state).toBe('held');
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

/** APNs has refused the device tokens of 20 recipients, and the brake looks. */
async function brakeAt({ id }: { readonly id: number }): Promise<void> {
  await fleet.database.query(
    `INSERT INTO pushfleet_outcome (dispatch_id, token_id, seq, outcome, status, reason, attempts, apns_id, at)
     VALUES ${range(1, 20).map((token) => `(${id}, ${token}, 0, 'rejected', 400, 'BadDeviceToken', 1, UUID(), NOW())`)}`,
  );
  await fleet.database.query('UPDATE pushfleet_batch SET rejected = 20 WHERE seq = 0');
  const brake = new Brake(producer, () => {});
  brake.hint(id);
  await brake.look();
}
