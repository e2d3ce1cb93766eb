import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { DueRowClaimer } from '@pushfleet/app-producer/claim-due-rows';
import { OldRowRemover } from '@pushfleet/app-producer/retention';
import { requestCommand } from '@pushfleet/shared/store/commands';
import { findDueRows } from '@pushfleet/shared/store/due-rows';
import mysql from 'mysql2/promise';
import { insertNotifications, insertTokens, range, utcNow } from '../harness/backend-rows.ts';
import { deviceToken, type Fleet, startFleet } from '../harness/fleet.ts';
import { type OpenProducer, openProducerContext } from '../harness/producer-context.ts';
import { within } from '../harness/time-limit.ts';

let fleet: Fleet;
let producer: OpenProducer;
const DAY = 86_400_000;
const TABLES = ['outcome', 'retirement', 'batch', 'dispatch', 'request', 'command'] as const;

beforeAll(async () => {
  fleet = await startFleet();
  // The window is a day, so two days are the shortest that is allowed.
  producer = await openProducerContext(fleet, { PUSHFLEET_RETENTION: '2d' });
  await insertTokens(
    fleet.database,
    range(1, 10).map((id) => ({ id, deviceToken: deviceToken(id) })),
  );
}, 180_000);
beforeEach(async () => {
  for (const table of TABLES) await fleet.database.query(`DELETE FROM pushfleet_${table}`);
  await fleet.database.query('DELETE FROM notification');
});
afterAll(async () => {
  await producer?.close();
  await fleet?.stop();
}, 180_000);

interface Ended {
  readonly id: number;
  readonly state?: string;
  readonly round?: number;
  /** Days ago; negative ones are to come. */
  readonly due: number;
  /** Days ago; null: it has not ended. */
  readonly finished: number | null;
  readonly batches?: number;
}

/** A dispatch as it stands when it has ended, with a batch, an outcome and a retirement for each of its batches. */
async function insertEnded({ id, state = 'done', round = 1, due, finished, batches = 1 }: Ended) {
  const at = (days: number) => utcNow(-days * DAY);
  await fleet.database.query(
    `INSERT INTO pushfleet_dispatch (notification_id, round, app, state, nonce, due_wall, due_at, deadline, claimed_at, finished_at)
     VALUES (?, ?, 'default', ?, '', ?, ?, ?, ?, ?)`,
    [
      id,
      round,
      state,
      at(due),
      at(due),
      at(due - 1),
      at(finished ?? 9),
      finished === null ? null : at(finished),
    ],
  );
  const [row] = await fleet.database.query<{ id: number }>('SELECT MAX(id) AS id FROM pushfleet_dispatch');
  const dispatchId = row!.id;
  const seqs = range(0, batches - 1);
  await fleet.database.query(
    `INSERT INTO pushfleet_batch (dispatch_id, seq, app, lane, state, size, nonce, recipients, first_id, last_id) VALUES ?`,
    [seqs.map((seq) => [dispatchId, seq, 'default', 'bulk', 'settled', 1, '', '', '', ''])],
  );
  await fleet.database.query(
    `INSERT INTO pushfleet_outcome (dispatch_id, token_id, seq, outcome, status, reason, attempts, apns_id, at) VALUES ?`,
    [seqs.map((seq) => [dispatchId, `${seq}`, seq, 'retired', 410, 'Unregistered', 1, '', at(9)])],
  );
  await fleet.database.query(
    `INSERT INTO pushfleet_retirement (dispatch_id, token_id, device_token, app, reason, state, created_at) VALUES ?`,
    [seqs.map((seq) => [dispatchId, `${seq}`, '', 'default', 'Unregistered', 'applied', at(9)])],
  );
  return dispatchId;
}

async function insertRow(id: number, sent: 0 | 1, dueDaysAgo: number) {
  await insertNotifications(fleet.database, [
    { id, tokenIds: [1], due: utcNow(-dueDaysAgo * DAY), options: { title: 'a' } },
  ]);
  await fleet.database.query('UPDATE notification SET sent = ? WHERE id = ?', [sent, id]);
}

/** Until there is nothing more to do, as the producer's loop does. */
async function removeOld(remover = new OldRowRemover(producer)): Promise<number> {
  for (let looks = 1; ; looks++) {
    if (!(await remover.look())) return looks;
    if (looks > 500) throw new Error('it never ends');
  }
}

async function counts(): Promise<Record<string, number>> {
  const all: Record<string, number> = {};
  for (const table of TABLES) {
    const [row] = await fleet.database.query<{ n: number }>(`SELECT COUNT(*) AS n FROM pushfleet_${table}`);
    all[table] = row!.n;
  }
  return all;
}

async function left(): Promise<number[]> {
  const rows = await fleet.database.query<{ id: number }>(
    'SELECT notification_id AS id FROM pushfleet_dispatch ORDER BY id',
  );
  return rows.map(({ id }) => id);
}

test('F20: what is old goes with its children and options, what is young or under way stays whole', async () => {
  for (const [id, finished] of [
    [1, 5],
    [2, 1],
    [3, null],
  ] as const) {
    await insertRow(id, 1, 6);
    await insertEnded({ id, due: 6, finished, state: finished === null ? 'sending' : 'done' });
  }
  await removeOld();
  expect(await counts()).toEqual({
    outcome: 2,
    retirement: 2,
    batch: 2,
    dispatch: 2,
    request: 2,
    command: 0,
  });
  expect(await left()).toEqual([2, 3]);
});

test('F20: a cancelled campaign that is still in the window, or still to come, keeps its claim', async () => {
  // Cancelled three days ago: its row is unsent and due tomorrow, in half a day or was due half a day ago.
  for (const [id, due] of [
    [1, -1],
    [2, 0.5],
    [3, 1.5],
    [4, 2.5],
  ] as const) {
    await insertRow(id, 0, due);
    await insertEnded({ id, due, finished: 3, state: 'cancelled' });
  }
  await removeOld();
  // The last one is out of the window for as long as the window is.
  expect(await left()).toEqual([1, 2, 3]);
  expect((await counts()).batch).toBe(3);
  expect(
    await findDueRows(producer.store, { from: utcNow(-DAY), to: utcNow(2 * DAY) }, 10, 'oldest'),
  ).toEqual([]);
  await new DueRowClaimer(producer, () => {}).look();
  expect(await left()).toEqual([1, 2, 3]);
  // Its options stay with the row that somebody may still give a new due time.
  expect((await counts()).request).toBe(4);
});

test('F20: the row is deleted or sent by the backend: the claim goes, whenever it was due', async () => {
  await insertEnded({ id: 1, due: -30, finished: 3, state: 'cancelled' });
  await insertRow(2, 1, -30);
  await insertEnded({ id: 2, due: -30, finished: 3, state: 'cancelled' });
  await removeOld();
  expect(await left()).toEqual([]);
});

test('F20: a later round never goes before an earlier one, which would count as the last then', async () => {
  await insertRow(1, 0, 3);
  // Cancelled while it was to come in ten days; then due three days ago, cancelled again.
  await insertEnded({ id: 1, due: -10, finished: 4, state: 'cancelled' });
  await insertEnded({ id: 1, round: 2, due: 3, finished: 3, state: 'cancelled' });
  await removeOld();
  expect(await left()).toEqual([1, 1]);
});

test('F20: nothing goes whose device tokens are still to be switched off', async () => {
  const dispatchId = await insertEnded({ id: 1, due: 6, finished: 5 });
  await fleet.database.query("UPDATE pushfleet_retirement SET state = 'pending' WHERE dispatch_id = ?", [
    dispatchId,
  ]);
  await removeOld();
  expect(await counts()).toMatchObject({ outcome: 1, retirement: 1, batch: 1, dispatch: 1 });
});

test('F20: in small steps, over many that stay; the dispatch itself goes last', async () => {
  for (const id of range(1, 250)) await insertEnded({ id, due: -1, finished: 5, state: 'cancelled' });
  await insertNotifications(
    fleet.database,
    range(1, 250).map((id) => ({ id, due: utcNow(DAY) })),
  );
  await insertEnded({ id: 1_000, due: 6, finished: 5, batches: 20_000 });
  const remover = new OldRowRemover(producer);
  // The first looks pass by what stays and reach the large one, but do not get through with it.
  expect(await remover.look()).toBe(true);
  expect(await remover.look()).toBe(true);
  const part = await counts();
  expect(part).toMatchObject({ dispatch: 251, batch: 20_250 });
  expect(part.retirement).toBeGreaterThan(250);
  expect(part.retirement).toBeLessThan(20_250);
  await removeOld(remover);
  expect(await counts()).toMatchObject({ dispatch: 250, batch: 250, outcome: 250, retirement: 250 });
}, 180_000);

test('F8: rows that somebody holds locked are left for the next time, without waiting', async () => {
  for (const id of range(1, 3)) await insertEnded({ id, due: 6, finished: 5 });
  await insertRow(3, 1, 6);
  const other = await mysql.createConnection(fleet.database.url);
  try {
    await other.beginTransaction();
    await other.query('SELECT 1 FROM pushfleet_dispatch WHERE notification_id = 1 FOR UPDATE');
    await other.query(
      'SELECT 1 FROM pushfleet_batch WHERE dispatch_id = (SELECT id FROM pushfleet_dispatch WHERE notification_id = 2) FOR UPDATE',
    );
    await other.query('SELECT 1 FROM notification WHERE id = 3 FOR UPDATE');
    const begun = performance.now();
    await removeOld();
    expect(performance.now() - begun).toBeLessThan(within(1_500));
    expect(await left()).toEqual([1, 2]);
  } finally {
    await other.rollback();
    await other.end();
  }
  await removeOld();
  expect(await counts()).toMatchObject({ dispatch: 0, batch: 0, outcome: 0, retirement: 0, request: 0 });
});

test('commands go by age once they were carried out', async () => {
  const ids: number[] = [];
  for (let i = 0; i < 3; i++)
    ids.push(await requestCommand(producer.store, { verb: 'pause', app: 'x' }, 'test'));
  await fleet.database.query(
    'UPDATE pushfleet_command SET requested_at = ?, executed_at = ?, succeeded = 1 WHERE id = ?',
    [utcNow(-5 * DAY), utcNow(-5 * DAY), ids[0]],
  );
  await fleet.database.query('UPDATE pushfleet_command SET executed_at = ?, succeeded = 1 WHERE id = ?', [
    utcNow(-DAY),
    ids[1],
  ]);
  await removeOld();
  expect(await fleet.database.query('SELECT id FROM pushfleet_command ORDER BY id')).toEqual([
    { id: ids[1] },
    { id: ids[2] },
  ]);
});

test('F20: a retention that is shorter than two windows is refused at the start', async () => {
  const { exitCode, stderr, stdout } = await fleet.run(['producer'], { PUSHFLEET_RETENTION: '47h' });
  expect([exitCode, stdout + stderr]).toEqual([2, expect.stringContaining('PUSHFLEET_RETENTION')]);
});
