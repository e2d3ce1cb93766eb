import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { NO_COUNTS, sortMembers, toBatches } from '@pushfleet/app-producer/audience-plan';
import { DueRowClaimer } from '@pushfleet/app-producer/claim-due-rows';
import { AudiencePlanner } from '@pushfleet/app-producer/plan-audiences';
import { planLargeAudience } from '@pushfleet/app-producer/plan-large-audience';
import { decodeRecipients } from '@pushfleet/shared/domain/recipient-list';
import { readOwnPlannings, saveSmallPlans } from '@pushfleet/shared/store/plans';
import { markQueued, readPlannedBatches } from '@pushfleet/shared/store/ready-batches';
import { insertGroup, insertNotifications, insertTokens, range } from '../harness/backend-rows.ts';
import { deviceToken, type Fleet, startFleet } from '../harness/fleet.ts';
import { type OpenProducer, openProducerContext } from '../harness/producer-context.ts';

let fleet: Fleet;
let producer: OpenProducer;

beforeAll(async () => {
  fleet = await startFleet();
  producer = await openProducerContext(fleet);
  await insertTokens(
    fleet.database,
    range(1, 6_000).map((id) => ({ id, deviceToken: deviceToken(id) })),
  );
  await insertGroup(fleet.database, 1, range(1, 3_000));
  await insertGroup(fleet.database, 2, range(2_001, 5_000));
}, 180_000);
beforeEach(async () => {
  for (const table of ['pushfleet_batch', 'pushfleet_dispatch', 'pushfleet_request', 'notification'])
    await fleet.database.query(`DELETE FROM ${table}`);
});
afterAll(async () => {
  await producer?.close();
  await fleet?.stop();
}, 180_000);

async function claim() {
  await new DueRowClaimer(producer, () => {}).look();
}

async function stateOf(id: number) {
  const [row] = await fleet.database.query<{ state: string; error: string | null }>(
    'SELECT state, error FROM pushfleet_dispatch WHERE notification_id = ?',
    [id],
  );
  return row;
}

async function dispatchOf(id: number): Promise<number> {
  const [row] = await fleet.database.query<{ id: number }>(
    'SELECT id FROM pushfleet_dispatch WHERE notification_id = ?',
    [id],
  );
  return Number(row!.id);
}

/** Compared as counts: a list of thousands says nothing to a person. */
async function expectPlannedOnce(ids: readonly number[]): Promise<void> {
  const planned = await plannedIds();
  const unique = new Set(planned);
  expect({
    twice: planned.length - unique.size,
    missing: ids.filter((id) => !unique.has(id)).length,
    planned: unique.size,
  }).toEqual({ twice: 0, missing: 0, planned: ids.length });
}

async function plannedIds(): Promise<number[]> {
  const rows = await fleet.database.query<{ recipients: Buffer }>(
    'SELECT recipients FROM pushfleet_batch ORDER BY dispatch_id, seq',
  );
  return rows.flatMap(({ recipients }) => decodeRecipients(recipients).map(Number)).sort((a, b) => a - b);
}

const TOO_DEEP = `{"payload": {"deep": ${'['.repeat(30_000)}${']'.repeat(30_000)}}}`;

test.each([
  ['an expiry in milliseconds', '{"expiry": 1764000000000}', /expiry.*seconds/],
  ['an expiry beyond any calendar', '{"expiry": 99999999999999}', /expiry.*seconds/],
  ['a payload nested 30,000 deep', TOO_DEEP, /payload/],
])('%s makes its row invalid and leaves the others alone', async (_, options, sentence) => {
  await insertNotifications(fleet.database, [
    { id: 1, tokenIds: [1], options },
    { id: 2, tokenIds: [2] },
  ]);
  await claim();
  await new AudiencePlanner(producer, () => {}).look();
  expect(await stateOf(1)).toMatchObject({ state: 'invalid', error: expect.stringMatching(sentence) });
  expect(await stateOf(2)).toMatchObject({ state: 'sending' });
});

test('a notification whose planning fails does not keep others from being planned', async () => {
  await insertNotifications(fleet.database, [
    { id: 1, groupIds: [1] },
    { id: 2, tokenIds: [2] },
    { id: 3, groupIds: [2] },
  ]);
  await claim();
  await fleet.database.query("UPDATE pushfleet_dispatch SET plan_cursor = '{' WHERE notification_id = 1");
  const planner = new AudiencePlanner(producer, () => {});
  await planner.look().catch(() => {});
  // A look waits only a moment for an audience with groups; on a busy machine the planning outlasts it.
  for (let tries = 0; tries < 100 && ((await stateOf(3)) as { state: string }).state === 'planning'; tries++)
    await new Promise((resolve) => setTimeout(resolve, 100));
  await planner.stop();
  expect([await stateOf(2), await stateOf(3)]).toMatchObject([{ state: 'sending' }, { state: 'sending' }]);
});

/** Above 1.5 million the planner remembers only strings that stand there twice: here it believes so. */
const HUGE = { memberships: 2_000_000, lane: 'bulk', signal: new AbortController().signal } as const;

test('F25: an audience of the largest kind that grows while it is planned has nobody twice and nobody missing', async () => {
  await insertNotifications(fleet.database, [{ id: 1, groupIds: [1, 2], tokenIds: [5_500] }]);
  await claim();
  const [planning] = await readOwnPlannings(producer.store, producer.owner, 'oldest', 1);
  // The list that was read before the scan: a direct member came since.
  await planLargeAudience(producer, planning!, { groupIds: ['1', '2'], directMembers: 0 }, HUGE);
  await expectPlannedOnce([...range(1, 5_000), 5_500]);
});

test('an audience of the largest kind whose groups changed before a take-over has nobody twice', async () => {
  await insertNotifications(fleet.database, [{ id: 1, groupIds: [1], tokenIds: [5_500] }]);
  await claim();
  const [planning] = await readOwnPlannings(producer.store, producer.owner, 'oldest', 1);
  await planLargeAudience(producer, planning!, { groupIds: ['1'], directMembers: 1 }, HUGE);
  await fleet.database.query("UPDATE pushfleet_dispatch SET state = 'planning', owner = ?", [producer.owner]);
  await fleet.database.query('INSERT INTO notification_token_group VALUES (1, 2)');
  const [again] = await readOwnPlannings(producer.store, producer.owner, 'oldest', 1);
  await planLargeAudience(producer, again!, { groupIds: ['1', '2'], directMembers: 1 }, HUGE);
  await expectPlannedOnce([...range(1, 5_000), 5_500]);
});

test('a look that finds nothing to plan is no failure', async () => {
  const planner = new AudiencePlanner(producer, () => {});
  expect([await planner.look(), await planner.lookAtFresh()]).toEqual([false, false]);
});

test('of two producers that queue the same alert at once one does, and only once', async () => {
  for (const { lanes } of producer.queues) await lanes.urgent.obliterate();
  await insertNotifications(fleet.database, [{ id: 1, tokenIds: [1] }]);
  await claim();
  await new AudiencePlanner(producer, () => {}).look();
  const [batch] = await readPlannedBatches(
    producer.store,
    'default',
    'urgent',
    [await dispatchOf(1)],
    1,
    null,
  );
  const mark = { batch: batch!, outcomes: null, cancelled: 0, settled: false };
  // What has changed since it was read is nobody's, though it waits again.
  const stale = { ...mark, batch: { ...batch!, revision: batch!.revision - 1 } };
  expect(await markQueued(producer.store, [stale])).toEqual([]);
  const taken = await Promise.all([1, 2].map(() => markQueued(producer.store, [mark])));
  expect(taken.map((marks) => marks.length).sort()).toEqual([0, 1]);
  const rows = await fleet.database.query('SELECT state, generation, revision FROM pushfleet_batch');
  expect(rows).toEqual([{ state: 'queued', generation: 1, revision: batch!.revision + 1 }]);
});

test('the plan of an alert that went to another producer meanwhile writes nothing', async () => {
  await insertNotifications(fleet.database, [{ id: 1, tokenIds: [1] }]);
  await claim();
  const [planning] = await readOwnPlannings(producer.store, producer.owner, 'oldest', 1);
  await fleet.database.query('UPDATE pushfleet_dispatch SET fence = fence + 1');
  const members = [{ tokenId: '1', deviceToken: deviceToken(1), active: true, ofApp: true }];
  const sorted = sortMembers(members, () => true, NO_COUNTS);
  const batches = toBatches(planning!.dispatchId, 'integer', 0, 500, sorted);
  const page = { batches, cursor: '', counts: sorted.counts, lane: 'urgent', complete: true };
  expect(await saveSmallPlans(producer.store, [{ planning: planning!, page }])).toEqual([]);
  expect(await stateOf(1)).toMatchObject({ state: 'planning' });
  expect(await plannedIds()).toEqual([]);
});
