import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { DueRowClaimer, type FreshClaims } from '@pushfleet/app-producer/claim-due-rows';
import { BatchDispatcher } from '@pushfleet/app-producer/dispatch-batches';
import { AudiencePlanner } from '@pushfleet/app-producer/plan-audiences';
import { SmallAudiencePlanner } from '@pushfleet/app-producer/plan-small-audiences';
import { registerApps } from '@pushfleet/app-producer/publish-control';
import type { BatchJob } from '@pushfleet/shared/domain/batch-job';
import { UrgentBudget } from '@pushfleet/shared/domain/urgent-budget';
import { saveSmallPlans } from '@pushfleet/shared/store/plans';
import { cancelDispatch } from '@pushfleet/shared/store/settle';
import { insertGroup, insertNotifications, insertTokens, range, utcNow } from '../harness/backend-rows.ts';
import { deviceToken, type Fleet, startFleet } from '../harness/fleet.ts';
import { type OpenProducer, openProducerContext } from '../harness/producer-context.ts';

// The short way of an alert: planned from memory as soon as it is claimed, written as queued, added to Redis.
const BATCH_SIZE = 20;
const MALFORMED = 90;
const INACTIVE = 91;

let fleet: Fleet;
let producer: OpenProducer;
beforeAll(async () => {
  fleet = await startFleet({ environment: { PUSHFLEET_BATCH_SIZE: String(BATCH_SIZE) } });
  producer = await openProducerContext(fleet);
  await registerApps(producer);
  await insertTokens(fleet.database, [
    ...range(1, 40).map((id) => ({ id, deviceToken: deviceToken(id) })),
    { id: MALFORMED, deviceToken: 'no device token' },
    { id: INACTIVE, deviceToken: deviceToken(INACTIVE), active: false },
  ]);
  await insertGroup(fleet.database, 1, [1, 2, 3]);
}, 180_000);
beforeEach(async () => {
  for (const table of ['outcome', 'batch', 'dispatch', 'request'])
    await fleet.database.query(`DELETE FROM pushfleet_${table}`);
  await fleet.database.query('DELETE FROM notification');
  for (const { lanes } of producer.queues)
    for (const queue of Object.values(lanes)) await queue.obliterate({ force: true });
  await lookForRoom();
});
afterAll(async () => {
  await producer?.close();
  await fleet?.stop();
}, 180_000);

async function lookForRoom(): Promise<void> {
  await new BatchDispatcher(producer).look('urgent');
}

/** Claims what is due. */
async function claim(): Promise<FreshClaims> {
  const claimed: FreshClaims[] = [];
  await new DueRowClaimer(producer, (claims) => claimed.push(claims)).look();
  expect(claimed).toHaveLength(1);
  return claimed[0]!;
}

/** Plans them at once. @returns how often something was left for a look */
async function planFresh(claims: FreshClaims, context: OpenProducer = producer): Promise<number> {
  const planner = new AudiencePlanner(context, () => {});
  let left = 0;
  planner.planFresh(claims, () => left++);
  await planner.stop();
  await new Promise(setImmediate);
  return left;
}

/** The long way, as the loops go. */
async function look(): Promise<void> {
  await new AudiencePlanner(producer, () => {}).look();
  await lookForRoom();
}

interface Row {
  readonly id: number;
  readonly state: string;
  readonly batch: string | null;
  readonly size: number | null;
  readonly generation: number | null;
  readonly revision: number | null;
  readonly isTimed: number;
}

async function rows(): Promise<Row[]> {
  return fleet.database.query<Row & Record<string, unknown>>(
    `SELECT d.notification_id AS id, d.state, b.state AS batch, b.size, b.generation, b.revision,
            b.queued_at IS NOT NULL AND d.planned_at IS NOT NULL AS isTimed
       FROM pushfleet_dispatch d LEFT JOIN pushfleet_batch b ON b.dispatch_id = d.id ORDER BY d.notification_id`,
  );
}

async function jobs(): Promise<BatchJob[]> {
  const waiting = await producer.queues[0]!.lanes.urgent.getWaiting();
  return waiting.map(({ data }) => data).sort((a, b) => a.dispatch - b.dispatch);
}

const QUEUED = { state: 'sending', batch: 'queued', generation: 1, revision: 1, isTimed: 1 };

test('an alert is queued at once, with the job that the long way makes', async () => {
  const due = utcNow();
  await insertNotifications(fleet.database, [{ id: 1, message: 'Grüße', due, tokenIds: [3, 1, INACTIVE] }]);
  expect(await planFresh(await claim())).toBe(0);
  await insertNotifications(fleet.database, [{ id: 2, message: 'Grüße', due, tokenIds: [3, 1, INACTIVE] }]);
  await claim();
  await look();
  expect(await rows()).toEqual([
    { id: 1, ...QUEUED, size: 2 },
    { id: 2, ...QUEUED, size: 2 },
  ]);
  const counts = await fleet.database.query(
    'SELECT DISTINCT lane, batches, recipients, direct_members, inactive, duplicates, owner FROM pushfleet_dispatch',
  );
  expect(counts).toEqual([
    { lane: 'urgent', batches: 1, recipients: 2, direct_members: 3, inactive: 1, duplicates: 0, owner: null },
  ]);
  const [short, long] = await jobs();
  expect(short).toEqual({
    ...long,
    dispatch: short!.dispatch,
    notificationId: '1',
    nonce: short!.nonce,
    collapseId: short!.collapseId,
  });
  expect(short!.nonce).toBe((await fleet.database.query('SELECT nonce FROM pushfleet_batch'))[0]!.nonce);
  expect(short!.collapseId).not.toBe(long!.collapseId);
});

test.each([
  [
    'before anybody has looked for room',
    (c: OpenProducer) => c.laneRoom.set(c.config.PUSHFLEET_APP, 'urgent', null),
  ],
  [
    'with room for a smaller one',
    (c: OpenProducer) => c.laneRoom.set(c.config.PUSHFLEET_APP, 'urgent', { recipients: 1, jobs: 1 }),
  ],
])('%s it is planned, and queued by the dispatcher', async (_, leave) => {
  await insertNotifications(fleet.database, [{ id: 1, tokenIds: [1, 2] }]);
  leave(producer);
  expect(await planFresh(await claim())).toBe(0);
  expect(await rows()).toMatchObject([{ state: 'sending', batch: 'planned', generation: 0, isTimed: 0 }]);
  expect(await jobs()).toEqual([]);
  await lookForRoom();
  expect(await rows()).toEqual([{ id: 1, ...QUEUED, size: 2 }]);
  expect(await jobs()).toHaveLength(1);
});

test('while Redis is away it is planned only', async () => {
  await insertNotifications(fleet.database, [{ id: 1, tokenIds: [1] }]);
  const away = { ...producer, redis: { status: 'reconnecting' } } as unknown as OpenProducer;
  expect(await planFresh(await claim(), away)).toBe(0);
  expect(await rows()).toMatchObject([{ state: 'sending', batch: 'planned' }]);
});

test('what is not small, not urgent or not all well formed goes the long way, and holds up nobody', async () => {
  await insertNotifications(fleet.database, [
    { id: 1, tokenIds: [1] },
    { id: 2, groupIds: [1] },
    { id: 3, tokenIds: range(1, BATCH_SIZE + 1) },
    { id: 4, tokenIds: [2, MALFORMED] },
    { id: 5, tokenIds: [3], options: { lane: 'bulk' } },
  ]);
  expect(await planFresh(await claim())).toBe(1);
  expect(await rows()).toMatchObject([
    { id: 1, ...QUEUED },
    { id: 2, state: 'planning', batch: null },
    { id: 3, state: 'planning', batch: null },
    { id: 4, state: 'sending', batch: 'planned' },
    { id: 5, state: 'planning', batch: null },
  ]);
  expect(await jobs()).toHaveLength(1);
});

test.each([
  ['a member that comes', 'before it is read', 'INSERT INTO notification_token VALUES (1, 2)', 2],
  ['a member that comes', 'after it was read', 'INSERT INTO notification_token VALUES (1, 2)', 2],
  ['a group that comes', 'after it was read', 'INSERT INTO notification_token_group VALUES (1, 1)', 3],
])('%s %s leaves an audience to a look, which finds all of it', async (_, when, statement, size) => {
  await insertNotifications(fleet.database, [
    { id: 1, tokenIds: [1] },
    { id: 2, tokenIds: [4] },
  ]);
  const claims = await claim();
  const grow = () => fleet.database.query(statement);
  if (when === 'before it is read') await grow();
  const frozen =
    when === 'before it is read' ? claims.frozen : sleep(200).then(async () => void (await grow()));
  expect(await planFresh({ ...claims, frozen })).toBe(1);
  expect(await rows()).toMatchObject([
    { id: 1, state: 'planning', batch: null },
    { id: 2, ...QUEUED },
  ]);
  await look();
  expect(await rows()).toMatchObject([{ id: 1, ...QUEUED, size }, { id: 2 }]);
});

test('of a flood no more than a group is taken, and the newest rows find a place beside it', async () => {
  await insertNotifications(
    fleet.database,
    range(1, 250).map((id) => ({ id, tokenIds: [(id % 40) + 1] })),
  );
  const flood = await claim();
  await insertNotifications(
    fleet.database,
    range(301, 304).map((id) => ({ id, tokenIds: [1] })),
  );
  const [third, fourth, fifth] = await claimEach([301, 302, 303]);
  const planner = new AudiencePlanner(producer, () => {});
  const left: string[] = [];
  planner.planFresh(flood, () => left.push('flood'));
  planner.planFresh(third!, () => left.push('301'));
  planner.planFresh(fourth!, () => left.push('302'));
  planner.planFresh({ ...fifth!, areNewest: true }, () => left.push('303'));
  await planner.stop();
  expect(left.sort()).toEqual(['302', 'flood']);
  const found = await rows();
  expect(found.filter(({ id, batch }) => id <= 250 && batch !== null)).toHaveLength(200);
  expect(found.filter(({ id, batch }) => id > 300 && batch !== null).map(({ id }) => id)).toEqual([301, 303]);
});

/** Each by itself. */
async function claimEach(ids: readonly number[]): Promise<FreshClaims[]> {
  const { plannings, ...claims } = await claim();
  return ids.map((id) => ({
    ...claims,
    plannings: plannings.filter(({ notificationId }) => notificationId === String(id)),
  }));
}

test('nothing is planned of a claim that could not be frozen', async () => {
  await insertNotifications(fleet.database, [{ id: 1, tokenIds: [1] }]);
  const frozen = Promise.reject(new Error('MySQL is away'));
  expect(await planFresh({ ...(await claim()), frozen })).toBe(1);
  expect(await rows()).toMatchObject([{ state: 'planning', batch: null }]);
  expect(await jobs()).toEqual([]);
});

test('of those that were cancelled since they were claimed nothing is queued', async () => {
  await insertNotifications(fleet.database, [
    { id: 1, tokenIds: [1] },
    { id: 2, tokenIds: [2] },
  ]);
  const claims = await claim();
  const [cancelled] = claims.plannings.filter(({ notificationId }) => notificationId === '1');
  await cancelDispatch(producer.store, cancelled!.dispatchId, 'test');
  expect(await planFresh(claims)).toBe(1);
  expect(await rows()).toMatchObject([
    { id: 1, state: 'cancelled', batch: null },
    { id: 2, ...QUEUED },
  ]);
  expect((await jobs()).map(({ notificationId }) => notificationId)).toEqual(['2']);
});

test('a look beside it, of this or another planner, plans nothing twice', async () => {
  for (let round = 1; round <= 10; round++) {
    await insertNotifications(
      fleet.database,
      range(1, 5).map((i) => ({ id: round * 10 + i, tokenIds: [i] })),
    );
    const claims = await claim();
    const planner = new AudiencePlanner(producer, () => {});
    planner.planFresh(claims, () => {});
    await Promise.all([
      planner.look(),
      planner.lookAtFresh(),
      new AudiencePlanner(producer, () => {}).look(),
    ]);
    await planner.stop();
    await lookForRoom();
  }
  const found = await rows();
  expect(found).toHaveLength(50);
  expect(found.filter(({ batch, state }) => batch !== 'queued' || state !== 'sending')).toEqual([]);
  const queued = (await jobs()).map(({ notificationId }) => Number(notificationId));
  expect(queued.sort((a, b) => a - b)).toEqual(found.map(({ id }) => id));
});

test.each([1, 2])(
  'of a claim whose freezing a failover lost nothing is planned, with %i beside it',
  async (n) => {
    await insertNotifications(
      fleet.database,
      range(1, n).map((id) => ({ id, tokenIds: [id] })),
    );
    const claims = await claim();
    await fleet.database.query('UPDATE pushfleet_dispatch SET request = NULL WHERE notification_id = 1');
    expect(await planFresh(claims)).toBe(1);
    expect(await rows()).toMatchObject(
      [
        { id: 1, state: 'planning', batch: null },
        { id: 2, ...QUEUED },
      ].slice(0, n),
    );
  },
);

test('where the last look at an audience fails, nothing of its plan comes with a later transaction', async () => {
  await insertNotifications(fleet.database, [{ id: 1, tokenIds: [1, MALFORMED] }]);
  const { plannings, lists } = await claim();
  const { store } = producer;
  const planner = new SmallAudiencePlanner(producer, new UrgentBudget(100), () => {});
  const drafted = await planner.draft(plannings, lists);
  const grown = () => Promise.reject(new Error('MySQL is away'));
  await expect(saveSmallPlans(store, drafted, { grown })).rejects.toThrow('MySQL is away');
  await sleep(100);
  // On whichever connection the plan was written.
  await Promise.all(
    range(1, 6).map(() =>
      store.database.transaction(async (on) => void (await on.arrays('SELECT SLEEP(0.1)'))),
    ),
  );
  for (const table of ['batch', 'outcome'])
    expect(await fleet.database.query(`SELECT * FROM pushfleet_${table}`)).toEqual([]);
});
