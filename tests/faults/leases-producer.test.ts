import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { decodeRecipients } from '@pushfleet/shared/domain/recipient-list';
import { insertGroup, insertNotifications, insertTokens, range } from '../harness/backend-rows.ts';
import { deviceToken, type Fleet, startFleet } from '../harness/fleet.ts';
import type { FleetProcess } from '../harness/fleet-process.ts';
import { within } from '../harness/time-limit.ts';
import { untilTrue } from '../harness/wait.ts';

const RECIPIENTS = 60_000;
const BATCHES = 120;
const TAKE_OVER_MS = 15_000;
let fleet: Fleet;
let producers: FleetProcess[];

beforeEach(async () => {
  fleet = await startFleet();
  const { database } = fleet;
  await insertTokens(
    database,
    range(1, RECIPIENTS).map((id) => ({ id, deviceToken: deviceToken(id) })),
  );
  await insertGroup(database, 1, range(1, RECIPIENTS));
  // Planning takes seconds, nearly all of them inside the transaction of a page.
  await database.query(
    'CREATE TRIGGER slow BEFORE INSERT ON pushfleet_batch FOR EACH ROW SET @slow = SLEEP(0.02)',
  );
  producers = [await fleet.startProducer(), await fleet.startProducer()];
  await insertNotifications(database, [{ id: 1, groupIds: [1] }]);
}, 180_000);
afterEach(() => fleet?.stop(), 60_000);

interface DispatchRow {
  readonly state: string;
  readonly owner: string | null;
  readonly fence: number;
  readonly nonce: string;
  readonly batches: number;
}

const dispatch = async () =>
  (
    await fleet.database.query<DispatchRow>(
      'SELECT state, owner, fence, nonce, batches FROM pushfleet_dispatch',
    )
  )[0];

const inTheMiddle = () =>
  untilTrue(dispatch, (row) => row?.state === 'planning' && row.batches >= 20 && row.batches < 90);

const processOf = ({ owner }: DispatchRow) => producers.find(({ pid }) => owner!.includes(`-${pid}-`))!;

interface BatchRow {
  readonly seq: number;
  readonly nonce: string;
  readonly recipients: Buffer;
}

const plannedBatches = () =>
  fleet.database.query<BatchRow>('SELECT seq, nonce, recipients FROM pushfleet_batch ORDER BY seq');

/** The one who took over went on behind the batches of the other, and everybody stands in one batch. */
async function expectContinued(before: DispatchRow, written: readonly BatchRow[]): Promise<void> {
  const after = (await untilTrue(dispatch, (row) => row?.state === 'sending'))!;
  expect(after).toMatchObject({ batches: BATCHES, fence: before.fence + 1 });
  const batches = await plannedBatches();
  expect(batches.map(({ seq }) => seq)).toEqual(range(0, BATCHES - 1));
  expect(written.length).toBeGreaterThanOrEqual(before.batches);
  expect(batches.slice(0, written.length)).toEqual(written);
  const ids = batches.flatMap(({ recipients }) => decodeRecipients(recipients));
  expect([ids.length, new Set(ids).size]).toEqual([RECIPIENTS, RECIPIENTS]);
}

test('F34: a producer killed in the middle of planning 60,000: another goes on from its cursor within 15 s', async () => {
  const before = (await inTheMiddle())!;
  const killed = processOf(before);
  killed.kill('SIGKILL');
  await killed.exited;
  const killedAt = performance.now();
  await sleep(1_000); // what MySQL was doing for it is undone
  const written = await plannedBatches();
  await untilTrue(dispatch, (row) => row!.owner !== before.owner);
  expect(performance.now() - killedAt).toBeLessThan(within(TAKE_OVER_MS));
  await expectContinued(before, written);
}, 180_000);

test('F8: a producer stopped inside a transaction blocks nobody for longer than 15 s, and writes nothing more afterwards', async () => {
  const before = (await inTheMiddle())!;
  const stopped = processOf(before);
  const stoppedAt = await stopInsideTransaction(stopped);
  const written = await plannedBatches();
  await untilTrue(dispatch, (row) => row!.owner !== before.owner);
  expect(performance.now() - stoppedAt).toBeLessThan(within(TAKE_OVER_MS));
  // It goes on in the middle of the other's planning.
  stopped.kill('SIGCONT');
  await expectContinued(before, written);
  // It is none the worse for it.
  expect(stopped.output()).not.toContain('cannot go on');
  expect(await stopped.stop()).toBe(0);
}, 180_000);

/** @returns when it was stopped for good, milliseconds of performance.now() */
async function stopInsideTransaction(producer: FleetProcess): Promise<number> {
  for (let attempt = 0; attempt < 20; attempt++) {
    producer.kill('SIGSTOP');
    const stoppedAt = performance.now();
    await sleep(400); // what the server was doing for it has ended
    const held = await fleet.database.query(
      `SELECT p.id FROM information_schema.innodb_trx t JOIN information_schema.processlist p ON p.id = t.trx_mysql_thread_id
        WHERE p.db = ? AND p.command = 'Sleep' AND t.trx_rows_modified > 0`,
      [fleet.database.name],
    );
    if (held.length > 0) return stoppedAt;
    producer.kill('SIGCONT');
    await sleep(37);
  }
  throw new Error('it was never caught inside a transaction');
}
