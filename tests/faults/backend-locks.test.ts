import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { OldRowRemover } from '@pushfleet/app-producer/retention';
import mysql from 'mysql2/promise';
import { insertGroup, insertNotifications, insertTokens, range, utcNow } from '../harness/backend-rows.ts';
import { deviceToken, type Fleet, startFleet } from '../harness/fleet.ts';
import { openProducerContext } from '../harness/producer-context.ts';
import { untilTrue } from '../harness/wait.ts';

// The backend's own transactions: it may hold its rows for as long as it likes, and never pays for ours.
const RECIPIENTS = 600;
const SINGLES = 60;
/** Every second recipient: its device token begins so, and APNs calls it dead. */
const DEAD = 'dead';
const DAY_MS = 86_400_000;
let fleet: Fleet;
let backend: mysql.Connection;

beforeAll(async () => {
  fleet = await startFleet({
    // A column of the backend's own, and an index as a backend may well have it.
    prepare: `ALTER TABLE token ADD note INT NOT NULL DEFAULT 0, ADD INDEX by_active (active);
      ALTER TABLE notification ADD note INT NOT NULL DEFAULT 0`,
    simulator: { latencyMs: 5 },
    environment: { PUSHFLEET_RATE_PER_SECOND: '250', PUSHFLEET_BATCH_SIZE: '50' },
  });
  fleet.simulator.script(`device ${DEAD}* answer 410 Unregistered`);
  await insertTokens(
    fleet.database,
    range(1, RECIPIENTS).map((id) => ({ id, deviceToken: id % 2 === 0 ? dead(id) : deviceToken(id) })),
  );
  await insertGroup(fleet.database, 1, range(1, RECIPIENTS));
  await fleet.startProducer();
  await fleet.startWorker();
}, 180_000);
afterAll(() => fleet?.stop(), 60_000);
beforeEach(async () => {
  await fleet.database.query('UPDATE token SET active = 1');
  backend = await mysql.createConnection(fleet.database.url);
});
afterEach(() => backend?.destroy());

function dead(id: number): string {
  return DEAD + deviceToken(id).slice(DEAD.length);
}

async function count(sql: string): Promise<number> {
  const [row] = await fleet.database.query<{ n: number }>(`SELECT COUNT(*) AS n FROM ${sql}`);
  return row!.n;
}

/** Whose locks on the backend's tables somebody waits for, looked up all the time: statements, each once. */
function watchWaiting() {
  const waiting = new Set<string>();
  const stop = new AbortController();
  const done = (async () => {
    const connection = await mysql.createConnection(fleet.database.url);
    while (!stop.signal.aborted) {
      const [rows] = await connection.query<mysql.RowDataPacket[]>(
        `SELECT t.trx_query AS statement FROM information_schema.INNODB_TRX t
           JOIN information_schema.INNODB_LOCKS l ON l.lock_id = t.trx_requested_lock_id
          WHERE l.lock_table IN (?)`,
        [['token', 'notification'].map((table) => `\`${fleet.database.name}\`.\`${table}\``)],
      );
      for (const { statement } of rows) waiting.add(statement);
      await sleep(50);
    }
    await connection.end();
  })();
  return {
    async stop() {
      stop.abort();
      await done;
      return [...waiting];
    },
  };
}

/** A notification that is done since long, with its dispatch. */
async function insertOld(id: number): Promise<void> {
  await insertNotifications(fleet.database, [{ id, due: utcNow(-90 * DAY_MS) }]);
  await fleet.database.query('UPDATE notification SET sent = 1 WHERE id = ?', [id]);
  await fleet.database.query(
    `INSERT INTO pushfleet_dispatch (notification_id, round, app, state, nonce, due_wall, due_at, deadline, claimed_at, finished_at)
     SELECT ?, 1, 'default', 'done', '', n.notificationdate, n.notificationdate, n.notificationdate, n.notificationdate, n.notificationdate
       FROM (SELECT UTC_TIMESTAMP() - INTERVAL 90 DAY AS notificationdate) n`,
    [id],
  );
}

test('F8 L1 L2 L3: the backend holds its rows for seconds: nothing of ours waits for them, and all other rows go on', async () => {
  const [held, free] = [101, range(102, 110)];
  for (const id of [111, 112]) await insertOld(id);
  // Their audiences are in: the backend's own foreign keys would wait for the locks below.
  await insertNotifications(fleet.database, [
    { id: held, groupIds: [1] },
    ...free.map((id) => ({ id, tokenIds: [id, RECIPIENTS], due: utcNow(2_000) })),
  ]);
  await backend.query('START TRANSACTION');
  await backend.query('UPDATE notification SET note = 1 WHERE id IN (?)', [[held, 111]]);
  // A device registers: no index on the device token, so it locks every row.
  await backend.query('UPDATE token SET active = 1 WHERE token = ?', [deviceToken(1)]);
  const watch = watchWaiting();

  await fleet.ended(free);
  await untilTrue(
    () => fleet.status(held),
    ({ pending, recipients }) => recipients > 0 && pending === 0,
  );
  const producer = await openProducerContext(fleet);
  await new OldRowRemover(producer).look();
  await producer.close();
  // Each of the loops has looked at the rows that are held, more than once.
  await sleep(2_500);
  expect(await watch.stop()).toEqual([]);
  expect(await count(`notification WHERE sent = 1 AND id IN (${free})`)).toBe(free.length);
  expect(await count(`notification WHERE sent = 1 AND id = ${held}`)).toBe(0);
  expect(await count('pushfleet_dispatch WHERE notification_id IN (111, 112)')).toBe(0);
  expect(await count("pushfleet_retirement WHERE state <> 'pending'")).toBe(0);
  expect(await fleet.status(held)).toMatchObject({ state: 'sending', accepted: RECIPIENTS / 2, pending: 0 });

  await backend.query('COMMIT');
  await fleet.ended([held]);
  await untilTrue(
    () => count("pushfleet_retirement WHERE state = 'pending'"),
    (pending) => pending === 0,
  );
  expect(await count('token WHERE active = 0')).toBe(RECIPIENTS / 2);
  expect(await count(`notification WHERE sent = 1 AND id = ${held}`)).toBe(1);
}, 180_000);

/** What a backend does in its transactions, by primary keys and by walking indexes. */
const STATEMENTS: readonly ((
  connection: mysql.Connection,
  row: (upTo: number) => number,
) => Promise<unknown>)[] = [
  (on, row) => on.query('UPDATE token SET note = note + 1 WHERE id = ?', [row(RECIPIENTS)]),
  (on, row) => on.query('UPDATE token SET note = note + 1 WHERE id = ?', [row(RECIPIENTS)]),
  (on, row) =>
    on.query('UPDATE token FORCE INDEX (by_active) SET note = note + 1 WHERE active = 1 AND id > ? LIMIT 5', [
      row(RECIPIENTS),
    ]),
  (on) => on.query('UPDATE token SET active = 1 WHERE token = ?', [deviceToken(1)]),
  (on) => on.query('SELECT id FROM token FORCE INDEX (by_active) WHERE active = 0 LIMIT 10 FOR UPDATE'),
  (on, row) => on.query('UPDATE notification SET note = note + 1 WHERE id = ?', [200 + row(SINGLES)]),
  (on) =>
    on.query(
      'UPDATE notification FORCE INDEX (IDX_NOTIFICATION_DUE) SET note = note + 1 WHERE sent = 0 AND notificationdate <= UTC_TIMESTAMP() LIMIT 5',
    ),
  async (on, row) => {
    const [{ insertId }] = await on.query<mysql.ResultSetHeader>(
      "INSERT INTO notification (message, sent, notificationdate) VALUES ('later', 0, '2037-01-01')",
    );
    const ids = new Set([row(RECIPIENTS), row(RECIPIENTS), row(RECIPIENTS)]);
    await on.query('INSERT INTO notification_token VALUES ?', [[...ids].map((id) => [insertId, id])]);
  },
];

/** Transactions of the backend's, one after the other, each with a few statements in any order and time between them. */
async function work(connection: mysql.Connection, isOver: () => boolean) {
  const row = (upTo: number) => 1 + Math.floor(Math.random() * upTo);
  const seen = { transactions: 0, errors: [] as string[] };
  while (!isOver() && seen.transactions < 2_000) {
    seen.transactions++;
    const statements = range(1, 4).map(() => STATEMENTS[row(STATEMENTS.length) - 1]!);
    try {
      await connection.query('START TRANSACTION');
      for (const statement of statements) {
        await statement(connection, row);
        await sleep(Math.random() * 10);
      }
      await connection.query('COMMIT');
    } catch (error) {
      seen.errors.push(`${(error as { errno?: number }).errno} ${(error as { sql?: string }).sql}`);
      await connection.query('ROLLBACK');
    }
  }
  return seen;
}

test('F8 L3b L4: while we retire device tokens and set sent, no transaction of the backend is rolled back for it', async () => {
  const singles = range(201, 200 + SINGLES);
  await insertNotifications(fleet.database, [
    { id: 200, groupIds: [1] },
    ...singles.map((id, i) => ({ id, tokenIds: [1 + 2 * i], due: utcNow((i % 4) * 1_000) })),
  ]);
  // Between the rows of one statement: time in which the backend comes in.
  for (const table of ['token', 'notification'])
    await fleet.database.query(
      `CREATE TRIGGER slow_${table} BEFORE UPDATE ON ${table} FOR EACH ROW SET @slow = SLEEP(0.002)`,
    );
  let isOver = false;
  const working = work(backend, () => isOver);
  await fleet.ended([200, ...singles]);
  await untilTrue(
    () => count("pushfleet_retirement WHERE state = 'pending'"),
    (pending) => pending === 0,
    40_000,
  );
  isOver = true;
  const { transactions, errors } = await working;
  expect(errors).toEqual([]);
  expect(transactions).toBeGreaterThan(20);
  expect(await count('notification WHERE sent = 1 AND id BETWEEN 200 AND 299')).toBe(1 + SINGLES);
  expect(await fleet.status(200)).toMatchObject({ accepted: RECIPIENTS / 2, retired: RECIPIENTS / 2 });
}, 180_000);
