import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { DueRowClaimer } from '@pushfleet/app-producer/claim-due-rows';
import { executeCommands } from '@pushfleet/app-producer/execute-commands';
import { AudiencePlanner } from '@pushfleet/app-producer/plan-audiences';
import { ResultRecorder } from '@pushfleet/app-producer/record-results';
import { CancelledSettler } from '@pushfleet/app-producer/settle-waiting';
import { requestCommand } from '@pushfleet/shared/store/commands';
import { cancelDispatch } from '@pushfleet/shared/store/settle';
import { insertGroup, insertNotifications, insertTokens, range } from '../harness/backend-rows.ts';
import { deviceToken, type Fleet, startFleet } from '../harness/fleet.ts';
import { type OpenProducer, openProducerContext } from '../harness/producer-context.ts';
import { within } from '../harness/time-limit.ts';

let fleet: Fleet;
let producer: OpenProducer;
const AUDIENCE = 60_000;
const NOBODY = { settled() {}, retired() {}, parked() {} };

beforeAll(async () => {
  fleet = await startFleet();
  producer = await openProducerContext(fleet);
  await insertTokens(
    fleet.database,
    range(1, AUDIENCE).map((id) => ({ id, deviceToken: deviceToken(id) })),
  );
  await insertGroup(fleet.database, 1, range(1, AUDIENCE));
}, 180_000);
beforeEach(async () => {
  for (const table of ['pushfleet_batch', 'pushfleet_dispatch', 'notification'])
    await fleet.database.query(`DELETE FROM ${table}`);
});
afterAll(async () => {
  await producer?.close();
  await fleet?.stop();
}, 180_000);

async function recipientsPlanned(): Promise<number> {
  const [row] = await fleet.database.query<{ n: string }>(
    'SELECT COALESCE(SUM(size), 0) AS n FROM pushfleet_batch',
  );
  return Number(row!.n);
}

/** Planning on a MySQL that takes a tenth of a second for each page: 12 pages. */
function slowPlanner() {
  const { database } = producer.store;
  const slow: typeof database = {
    ...database,
    async transaction(work) {
      await sleep(100);
      return database.transaction(work);
    },
  };
  const planner = new AudiencePlanner(
    { ...producer, store: { ...producer.store, database: slow } },
    () => {},
  );
  return planner;
}

test('F11: cancelled while its large audience is planned: planning stops, and status counts what was planned', async () => {
  await insertNotifications(fleet.database, [{ id: 1, groupIds: [1] }]);
  await new DueRowClaimer(producer, () => {}).look();
  const planner = slowPlanner();
  await planner.look();
  await until(async () => (await recipientsPlanned()) > 0);
  const begun = performance.now();
  const id = await requestCommand(producer.store, { verb: 'cancel', notificationId: '1' }, 'a person');
  await executeCommands(producer, () => {});
  const [command] = await fleet.database.query('SELECT succeeded FROM pushfleet_command WHERE id = ?', [id]);
  expect(command).toEqual({ succeeded: 1 });
  const planned = await recipientsPlanned();
  expect(planned).toBeLessThan(AUDIENCE);
  await new CancelledSettler(producer, new ResultRecorder(producer, NOBODY)).look();
  expect(performance.now() - begun).toBeLessThan(within(1_000));

  // A page that was under way is refused, and nobody goes on with it.
  await sleep(500);
  await planner.look();
  await planner.stop();
  expect(await recipientsPlanned()).toBe(planned);
  const other = new AudiencePlanner({ ...producer, owner: 'another producer' }, () => {});
  expect(await other.look()).toBe(false);
  await other.stop();
  expect(await fleet.status(1)).toMatchObject({
    state: 'cancelled',
    recipients: planned,
    cancelled: planned,
    accepted: 0,
    pending: 0,
    error:
      'cancelled by a person while its audience was being planned; only the recipients planned by then are counted',
  });
  const [row] = await fleet.database.query(
    'SELECT finished_at IS NOT NULL AS finished, (SELECT sent FROM notification WHERE id = 1) AS sent FROM pushfleet_dispatch',
  );
  expect(row).toEqual({ finished: 1, sent: 0 });
}, 180_000);

test('F11: cancelled after its audience was planned: one look ends all of it', async () => {
  await insertNotifications(fleet.database, [{ id: 2, groupIds: [1] }]);
  await new DueRowClaimer(producer, () => {}).look();
  const planner = new AudiencePlanner(producer, () => {});
  await until(async () => {
    await planner.look();
    const rows = await fleet.database.query("SELECT 1 FROM pushfleet_dispatch WHERE state = 'sending'");
    return rows.length > 0;
  });
  await planner.stop();
  const [dispatch] = await fleet.database.query<{ id: number }>('SELECT id FROM pushfleet_dispatch');
  const begun = performance.now();
  expect(await cancelDispatch(producer.store, dispatch!.id, 'a person')).toBe(true);
  await new CancelledSettler(producer, new ResultRecorder(producer, NOBODY)).look();
  expect(performance.now() - begun).toBeLessThan(within(1_000));
  expect(await fleet.status(2)).toMatchObject({
    state: 'cancelled',
    recipients: AUDIENCE,
    cancelled: AUDIENCE,
    pending: 0,
    error: 'cancelled by a person',
  });
  expect(await cancelDispatch(producer.store, dispatch!.id, 'a person')).toBe(false);
}, 180_000);

async function until(condition: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; !(await condition()); tries++) {
    if (tries > 600) throw new Error('it did not happen in time');
    await sleep(20);
  }
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
