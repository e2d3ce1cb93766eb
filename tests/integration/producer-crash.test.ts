import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { DueRowClaimer } from '@pushfleet/app-producer/claim-due-rows';
import { DispatchCompleter } from '@pushfleet/app-producer/complete-dispatches';
import { BatchDispatcher } from '@pushfleet/app-producer/dispatch-batches';
import { AudiencePlanner } from '@pushfleet/app-producer/plan-audiences';
import { reconcile } from '@pushfleet/app-producer/reconcile';
import { ResultRecorder } from '@pushfleet/app-producer/record-results';
import { newProgress } from '@pushfleet/shared/domain/batch-progress';
import { ACCEPTED } from '@pushfleet/shared/domain/outcomes';
import { decodeRecipients } from '@pushfleet/shared/domain/recipient-list';
import type { Database, Statements } from '@pushfleet/shared/store/database';
import { releasePlannings } from '@pushfleet/shared/store/planning-leases';
import { insertGroup, insertNotifications, insertTokens, range } from '../harness/backend-rows.ts';
import { deviceToken, type Fleet, startFleet } from '../harness/fleet.ts';
import { type OpenProducer, openProducerContext } from '../harness/producer-context.ts';

// A producer dies at each of its statements in turn, before it and right after it; another goes on.
// More than 20 groups make two pages, and batches of 40 make several of each.
let fleet: Fleet;
let producer: OpenProducer;
const GROUPS = range(1, 25);
const NOBODY = { settled() {}, retired() {}, parked() {} };

beforeAll(async () => {
  fleet = await startFleet({ environment: { PUSHFLEET_BATCH_SIZE: '40' } });
  producer = await openProducerContext(fleet);
  // The device tokens of 201 to 210 are those of 1 to 10 again.
  await insertTokens(
    fleet.database,
    range(1, 210).map((id) => ({ id, deviceToken: deviceToken(id > 200 ? id - 200 : id) })),
  );
  for (const group of GROUPS) await insertGroup(fleet.database, group, range(group * 8 - 7, group * 8 + 10));
}, 180_000);
afterAll(async () => {
  await producer?.close();
  await fleet?.stop();
}, 180_000);

class Killed extends Error {}

/** Dies at the `at`-th statement, before or after it, and is dead from then on. */
function dyingProducer(at: number, moment: 'before' | 'after'): OpenProducer & { isDead(): boolean } {
  let statements = 0;
  const guarded = async <T>(run: () => Promise<T>): Promise<T> => {
    statements++;
    if (statements > at || (statements === at && moment === 'before')) throw new Killed();
    const value = await run();
    if (statements >= at) throw new Killed();
    return value;
  };
  const dying = (on: Statements): Statements => ({
    rows: (...given) => guarded(() => on.rows(...given)),
    arrays: (...given) => guarded(() => on.arrays(...given)),
    change: (...given) => guarded(() => on.change(...given)),
    insert: (...given) => guarded(() => on.insert(...given)),
  });
  const { database } = producer.store;
  const dead: Database = {
    ...database,
    ...dying(database),
    transaction: (work) =>
      moment === 'after'
        ? guarded(() => database.transaction(work))
        : database.transaction((on) => work(dying(on))),
  };
  return {
    ...producer,
    owner: 'the dying one',
    store: { ...producer.store, database: dead },
    isDead: () => statements >= at,
  };
}

/** From the row to the queue; with `ending` to the end, workers accept everybody. */
async function work(context: OpenProducer, ending: boolean): Promise<void> {
  const recorder = new ResultRecorder(context, NOBODY);
  const planner = new AudiencePlanner(context, () => {});
  // Seen by one that lives: else no alert goes the short way.
  await new BatchDispatcher(producer).look('urgent');
  await new DueRowClaimer(context, (claims) => planner.planFresh(claims, () => {})).look();
  await planner.look();
  await planner.stop();
  // On a busy machine the look ends before the planning does: the next heir goes on with it.
  if (ending) await releasePlannings(context.store, context.owner);
  await new BatchDispatcher(context).look('urgent');
  await new BatchDispatcher(context).look('bulk');
  if (ending) await reconcile(context, recorder, context.queues[0]!, 0);
  await acceptQueued(recorder);
  await new DispatchCompleter(context).look();
}

async function acceptQueued(recorder: ResultRecorder): Promise<void> {
  for (const queue of Object.values(producer.queues[0]!.lanes)) {
    for (const job of await queue.getWaiting()) {
      const { dispatch: dispatchId, seq, generation, nonce, size } = job.data;
      const progress = newProgress(size);
      progress.outcomes.fill(ACCEPTED);
      await recorder.recordTellings([{ dispatchId, seq, generation, nonce, progress, ended: true }]);
      await job.remove();
    }
  }
}

async function setUp(): Promise<void> {
  for (const table of ['pushfleet_batch', 'pushfleet_dispatch', 'notification'])
    await fleet.database.query(`DELETE FROM ${table}`);
  for (const queue of Object.values(producer.queues[0]!.lanes)) await queue.obliterate({ force: true });
  await insertNotifications(fleet.database, [
    { id: 1, tokenIds: [1, 2, 201] },
    { id: 2, groupIds: GROUPS, tokenIds: [150] },
  ]);
}

async function outcome() {
  const rows = await fleet.database.query<{ id: number; recipients: Buffer; accepted: number }>(
    `SELECT d.notification_id AS id, b.recipients, b.accepted FROM pushfleet_batch b
       JOIN pushfleet_dispatch d ON d.id = b.dispatch_id`,
  );
  const people = (id: number) =>
    rows
      .filter((row) => row.id === id)
      .flatMap(({ recipients }) => decodeRecipients(recipients).map((one) => ((Number(one) - 1) % 200) + 1));
  const [{ sent }] = (await fleet.database.query('SELECT SUM(sent) AS sent FROM notification')) as [
    { sent: string },
  ];
  return {
    sent: Number(sent),
    accepted: rows.reduce((sum, row) => sum + row.accepted, 0),
    first: people(1).sort((a, b) => a - b),
    second: { planned: people(2).length, people: new Set(people(2)).size },
  };
}

test.each(['before', 'after'] as const)(
  'a producer that dies %s any of its statements loses nobody and sends to nobody twice',
  async (moment) => {
    let at = 1;
    for (let reached = true; reached && at < 120; at++) {
      await setUp();
      const dying = dyingProducer(at, moment);
      await work(dying, false).catch((error) => {
        if (!(error instanceof Killed)) throw error;
      });
      reached = dying.isDead();
      await fleet.database.query(
        `UPDATE pushfleet_dispatch SET lease_until = lease_until - INTERVAL 1 MINUTE, claimed_at = claimed_at - INTERVAL 10 SECOND
          WHERE state = 'planning'`,
      );
      for (let i = 0; i < 6; i++) await work({ ...producer, owner: `heir ${i}` }, true);
      expect({ at, ...(await outcome()) }).toEqual({
        at,
        sent: 2,
        accepted: 202,
        first: [1, 2],
        second: { planned: 200, people: 200 },
      });
    }
    expect(at).toBeGreaterThan(15);
  },
  120_000,
);
