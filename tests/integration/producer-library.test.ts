import { randomBytes } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import {
  type Connection,
  createProducer,
  InvalidNotificationError,
  type Producer,
  type ProducerOptions,
  UnknownDeviceTokenError,
} from '@pushfleet/producer';
import { Redis } from 'ioredis';
import mysql, { type Pool } from 'mysql2/promise';
import { runCommand } from '../harness/fleet-process.ts';
import { createTestDatabase, type TestDatabase } from '../harness/test-database.ts';

const redisUrl = process.env.PUSHFLEET_TEST_REDIS_URL ?? '';
const prefix = `lib-${randomBytes(4).toString('hex')}`;

let database: TestDatabase;
let pool: Pool;
let open: Producer[] = [];

beforeAll(async () => {
  database = await createTestDatabase();
  pool = mysql.createPool({ uri: database.url, connectionLimit: 8 });
  const { exitCode, stderr } = await runCommand(['migrate'], { PUSHFLEET_MYSQL_URL: database.url });
  if (exitCode !== 0) throw new Error(stderr);
}, 180_000);
afterAll(async () => {
  await pool.end();
  await database.drop();
});
beforeEach(async () => {
  for (const table of [
    'notification',
    'token',
    'token_group',
    'pushfleet_request',
    'pushfleet_dispatch',
    'pushfleet_command',
  ])
    await database.query(`DELETE FROM ${table}`);
});
afterEach(async () => {
  await Promise.all(open.map((producer) => producer.close()));
  open = [];
});

function producerOn(options: Partial<ProducerOptions> = {}): Producer {
  const producer = createProducer({ mysql: pool, ...options });
  open.push(producer);
  return producer;
}

function deviceToken(number: number): string {
  return number.toString(16).padStart(64, '0');
}

async function insertTokens(count: number): Promise<void> {
  const rows = Array.from({ length: count }, (_, i) => [i + 1, deviceToken(i + 1), 1]);
  await database.query('INSERT INTO token (id, token, active) VALUES ?', [rows]);
}

const audienceOf = async (id: string) =>
  (
    await database.query<{ token_id: number }>(
      'SELECT token_id FROM notification_token WHERE notification_id = ? ORDER BY token_id',
      [id],
    )
  ).map((row) => row.token_id);

const countOf = async (table: string) =>
  (await database.query<{ n: number }>(`SELECT COUNT(*) AS n FROM ${table}`))[0]!.n;

test('a notification arrives with message, audience, due time and options', async () => {
  await insertTokens(3);
  await database.query("INSERT INTO token_group (id, name) VALUES (7, 'seven')");
  const { id } = await producerOn({ timezone: 'Asia/Tokyo' }).enqueue({
    message: 'Your order is on its way 🚚',
    deviceTokens: [deviceToken(1), deviceToken(3)],
    tokenGroups: [7],
    at: new Date('2030-01-01T00:00:00Z'),
    title: 'Order 7',
    badge: null,
    collapseId: 'order-7',
    expiry: new Date('2030-01-02T00:00:00Z'),
    payload: { order: 7 },
  });
  const rows = await database.query(
    'SELECT CAST(id AS CHAR) AS id, message, sent, CAST(notificationdate AS CHAR) AS due FROM notification',
  );
  expect(rows).toEqual([{ id, message: 'Your order is on its way 🚚', sent: 0, due: '2030-01-01 09:00:00' }]);
  expect(await audienceOf(id)).toEqual([1, 3]);
  expect(await database.query('SELECT token_group_id FROM notification_token_group')).toEqual([
    { token_group_id: 7 },
  ]);
  const [request] = await database.query<{ options: string }>('SELECT options FROM pushfleet_request');
  expect(JSON.parse(request!.options)).toEqual({
    title: 'Order 7',
    badge: null,
    collapseId: 'order-7',
    expiry: Date.UTC(2030, 0, 2) / 1000,
    payload: { order: 7 },
  });
});

test('without a time it is due at once, and without options there is no row for them', async () => {
  await insertTokens(1);
  await producerOn().enqueue({ message: 'now', deviceTokens: [deviceToken(1)] });
  const [row] = await database.query<{ age: number }>(
    'SELECT TIMESTAMPDIFF(SECOND, notificationdate, UTC_TIMESTAMP()) AS age FROM notification',
  );
  expect(row!.age).toBeGreaterThanOrEqual(0);
  expect(row!.age).toBeLessThan(5);
  expect(await countOf('pushfleet_request')).toBe(0);
});

test('a device token is found in whatever spelling the table has it, and of twin rows an active one is taken', async () => {
  const hex = (n: number) => deviceToken(n + 0xabcdef00);
  await database.query('INSERT INTO token (id, token, active) VALUES ?', [
    [
      [1, hex(1).toUpperCase(), 1],
      [2, `<${hex(2).replace(/.{8}(?=.)/g, '$& ')}>`, 1],
      [3, hex(3), 0],
      [4, hex(3).toUpperCase(), 1],
      [5, hex(5), 1],
    ],
  ]);
  const { id, skippedInactive } = await producerOn().enqueue({
    message: 'm',
    deviceTokens: [hex(1), hex(2), hex(3), `<${hex(5).toUpperCase()}>`, hex(5)],
  });
  expect(await audienceOf(id)).toEqual([1, 2, 4, 5]);
  expect(skippedInactive).toEqual([]);
});

test('an unknown device token is refused before anything is written, an inactive one is skipped and reported', async () => {
  await insertTokens(2);
  await database.query('UPDATE token SET active = 0 WHERE id = 2');
  const enqueue = producerOn().enqueue({ message: 'm', deviceTokens: [deviceToken(1), deviceToken(99)] });
  await expect(enqueue).rejects.toThrow(UnknownDeviceTokenError);
  await expect(enqueue).rejects.toMatchObject({ deviceTokens: [deviceToken(99)] });
  await expect(enqueue).rejects.not.toThrow(deviceToken(99));
  expect(await countOf('notification')).toBe(0);
  const done = await producerOn().enqueue({ message: 'm', deviceTokens: [deviceToken(1), deviceToken(2)] });
  expect(done.skippedInactive).toEqual([deviceToken(2)]);
  expect(await audienceOf(done.id)).toEqual([1]);
});

test('what fails half way leaves nothing behind', async () => {
  await insertTokens(1);
  const enqueue = producerOn().enqueue({
    message: 'm',
    title: 'T',
    deviceTokens: [deviceToken(1), deviceToken(2)],
    registerUnknown: true,
    tokenGroups: [404],
  });
  await expect(enqueue).rejects.toThrow('one of its token groups does not exist');
  for (const table of ['notification', 'notification_token', 'pushfleet_request'])
    expect(await countOf(table)).toBe(0);
  expect(await countOf('token')).toBe(1);
});

test('registerUnknown stores unknown device tokens as active ones', async () => {
  await insertTokens(1);
  const { id, registered } = await producerOn().enqueue({
    message: 'm',
    deviceTokens: [deviceToken(1), deviceToken(2), deviceToken(3)],
    registerUnknown: true,
  });
  expect(registered).toBe(2);
  const rows = await database.query('SELECT token, active FROM token WHERE id > 1 ORDER BY token');
  expect(rows).toEqual([
    { token: deviceToken(2), active: 1 },
    { token: deviceToken(3), active: 1 },
  ]);
  expect(await audienceOf(id)).toHaveLength(3);
});

test('1,300 device tokens make 1,300 recipients', async () => {
  await insertTokens(1_300);
  const { id } = await producerOn().enqueue({
    message: 'm',
    deviceTokens: Array.from({ length: 1_300 }, (_, i) => deviceToken(i + 1)),
  });
  expect(await audienceOf(id)).toHaveLength(1_300);
});

test('a repeated key returns the first id and writes nothing', async () => {
  await insertTokens(1);
  const producer = producerOn();
  const first = await producer.enqueue({ message: 'm', deviceTokens: [deviceToken(1)], key: 'order-7' });
  const again = await producer.enqueue({ message: 'other', deviceTokens: [deviceToken(1)], key: 'order-7' });
  const other = await producer.enqueue({ message: 'm', deviceTokens: [deviceToken(1)], key: 'order-8' });
  expect([first.repeated, again.repeated, other.repeated]).toEqual([false, true, false]);
  expect(again.id).toBe(first.id);
  expect(other.id).not.toBe(first.id);
  expect(await countOf('notification')).toBe(2);
});

test('twenty calls race for one key: all return the same id, one row is left', async () => {
  await insertTokens(1);
  const producers = [producerOn(), producerOn()];
  const calls = Array.from({ length: 20 }, (_, i) =>
    producers[i % 2]!.enqueue({ message: `call ${i}`, deviceTokens: [deviceToken(1)], key: 'same' }),
  );
  const ids = new Set((await Promise.all(calls)).map(({ id }) => id));
  expect(ids.size).toBe(1);
  expect(await countOf('notification')).toBe(1);
  expect(await audienceOf([...ids][0]!)).toEqual([1]);
});

/** A connection of the caller's, as the different libraries hand it out. */
const shapes: [string, (connection: mysql.PoolConnection) => Connection][] = [
  ['a mysql2 connection', (connection) => connection],
  ['a mysql2 connection with callbacks', (connection) => connection.connection as unknown as Connection],
  [
    '{ execute } that returns rows',
    (c) => ({ execute: async (sql: string, params: never[]) => (await c.execute(sql, params))[0] }),
  ],
  [
    '{ execute } that returns [rows, fields]',
    (c) => ({ execute: (sql: string, params: never[]) => c.execute(sql, params) }),
  ],
  [
    '{ execute } that tells no insert id',
    (c) => ({
      async execute(sql: string, params: never[]) {
        const [result] = await c.execute(sql, params);
        return Array.isArray(result) ? result : result.affectedRows;
      },
    }),
  ],
];

test.each(shapes)('on %s the push commits or rolls back with the business data', async (_, shape) => {
  await insertTokens(2);
  const producer = producerOn();
  const connection = await pool.getConnection();
  const input = { message: 'm', deviceTokens: [deviceToken(1), deviceToken(2)], key: 'shape', title: 'T' };
  try {
    await connection.query('START TRANSACTION');
    await producer.enqueue(input, { connection: shape(connection) });
    expect(await countOf('notification')).toBe(0);
    await connection.query('ROLLBACK');
    expect(await countOf('notification')).toBe(0);
    expect(await countOf('pushfleet_request')).toBe(0);

    await connection.query('START TRANSACTION');
    const { id, repeated } = await producer.enqueue(input, { connection: shape(connection) });
    await connection.query('COMMIT');
    expect(repeated).toBe(false);
    expect(await audienceOf(id)).toEqual([1, 2]);
    expect(await producer.enqueue(input, { connection: shape(connection) })).toMatchObject({
      id,
      repeated: true,
    });
  } finally {
    connection.release();
  }
});

test("two callers' transactions race for one key: the second waits, then has the first's id and keeps its own data", async () => {
  await insertTokens(1);
  await database.query('CREATE TABLE IF NOT EXISTS business (id INT PRIMARY KEY)');
  const producer = producerOn();
  const [one, two] = await Promise.all([pool.getConnection(), pool.getConnection()]);
  const input = { message: 'm', deviceTokens: [deviceToken(1)], key: 'raced' };
  try {
    // REPEATABLE READ with a view from before the other's commit: the hardest case.
    await two.query('START TRANSACTION WITH CONSISTENT SNAPSHOT');
    await two.query('INSERT INTO business VALUES (2)');
    await one.query('START TRANSACTION');
    const first = await producer.enqueue(input, { connection: one });
    const second = producer.enqueue(input, { connection: two });
    await new Promise((resolve) => setTimeout(resolve, 200));
    await one.query('COMMIT');
    expect(await second).toMatchObject({ id: first.id, repeated: true });
    await two.query('COMMIT');
    expect(await countOf('notification')).toBe(1);
    expect(await database.query('SELECT id FROM business')).toEqual([{ id: 2 }]);
  } finally {
    one.release();
    two.release();
    await database.query('DROP TABLE business');
  }
});

test('F36: it wakes the daemon after its own commit; with a connection the caller does', async () => {
  await insertTokens(1);
  const listener = new Redis(redisUrl);
  let wakes = 0;
  listener.on('message', () => wakes++);
  await listener.subscribe(`${prefix}:wake`);
  const until = async (count: number) => {
    for (let tries = 0; tries < 1_000 && wakes < count; tries++)
      await new Promise((resolve) => setTimeout(resolve, 20));
  };
  const connection = await pool.getConnection();
  try {
    const producer = producerOn({ redis: redisUrl, prefix });
    await producer.enqueue({ message: 'm', deviceTokens: [deviceToken(1)] });
    await until(1);
    expect(wakes).toBe(1);
    const { wake } = await producer.enqueue({ message: 'm', deviceTokens: [deviceToken(1)] }, { connection });
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(wakes).toBe(1);
    await wake();
    await until(2);
    expect(wakes).toBe(2);
  } finally {
    connection.release();
    listener.disconnect();
  }
});

test('Redis that is away makes no call fail', async () => {
  await insertTokens(1);
  const producer = producerOn({ redis: 'redis://127.0.0.1:1' });
  const { id, wake } = await producer.enqueue({ message: 'm', deviceTokens: [deviceToken(1)] });
  await wake();
  expect(await audienceOf(id)).toEqual([1]);
});

test('mapped names and columns: what has a column stands there, the rest in the options', async () => {
  await database.query(`CREATE TABLE push (uid BINARY(16) PRIMARY KEY, body TEXT, state VARCHAR(8) NULL, due TIMESTAMP NOT NULL,
    head VARCHAR(50) NULL, extra TEXT NULL, best_before DATETIME NULL)`);
  await database.query('CREATE TABLE push_device (push BINARY(16), device INT, PRIMARY KEY (push, device))');
  await database.query('CREATE TABLE mapped_request LIKE pushfleet_request');
  await insertTokens(1);
  const producer = producerOn({
    timezone: 'Europe/Berlin',
    schema: {
      notification: {
        table: 'push',
        id: 'uid',
        message: 'body',
        sent: 'state',
        due: 'due',
        unsentValue: null,
        title: 'head',
        payload: 'extra',
        expiry: 'best_before',
      },
      notificationToken: { table: 'push_device', notification: 'push', token: 'device' },
    },
  });
  const { id } = await producer.enqueue({
    id: '0190a6b2-7e4c-7d3a-9b1f-00112233aabb',
    message: 'm',
    deviceTokens: [deviceToken(1)],
    at: new Date('2030-07-01T10:00:00Z'),
    title: 'T',
    payload: { a: 1 },
    expiry: new Date('2030-07-02T10:00:00Z'),
  });
  expect(id).toBe('0190a6b27e4c7d3a9b1f00112233aabb');
  expect(
    await database.query(
      'SELECT HEX(uid) AS uid, body, state, UNIX_TIMESTAMP(due) AS due, head, extra, CAST(best_before AS CHAR) AS best_before FROM push',
    ),
  ).toEqual([
    {
      uid: id.toUpperCase(),
      body: 'm',
      state: null,
      due: Date.UTC(2030, 6, 1, 10) / 1000,
      head: 'T',
      extra: '{"a":1}',
      best_before: '2030-07-02 12:00:00',
    },
  ]);
  expect(await countOf('push_device')).toBe(1);
  expect(await countOf('pushfleet_request')).toBe(0);
});

test('status is what the tables say, before and after a claim; cancel asks the daemon', async () => {
  await insertTokens(1);
  const producer = producerOn({ mysql: database.url });
  const { id } = await producer.enqueue({
    message: 'm',
    deviceTokens: [deviceToken(1)],
    at: new Date('2030-01-01T00:00:00Z'),
  });
  expect(await producer.status(id)).toMatchObject({
    notificationId: id,
    state: 'scheduled',
    dueAt: '2030-01-01T00:00:00.000Z',
    recipients: 0,
  });
  await producer.cancel(id);
  const commands = await database.query<{ verb: string; arguments: string }>(
    'SELECT verb, arguments FROM pushfleet_command',
  );
  expect(commands.map(({ verb, arguments: text }) => [verb, JSON.parse(text)])).toEqual([
    ['cancel', { notificationId: id }],
  ]);
  await database.query(
    `INSERT INTO pushfleet_dispatch (id, notification_id, app, state, nonce, recipients, due_at, deadline, claimed_at, finished_at)
     VALUES (1, ?, 'shop', 'sending', 'aaaaaaaa', 5, '2026-01-01 00:00:00.250', '2026-01-02', '2026-01-01', NULL)`,
    [id],
  );
  await database.query(
    `INSERT INTO pushfleet_batch (dispatch_id, seq, app, lane, state, size, nonce, recipients, first_id, last_id, accepted, retired, resent, first_accepted_at)
     VALUES (1, 0, 'shop', 'bulk', 'queued', 3, 'aaaaaaaa', '', '', '', 2, 1, 4, '2026-01-01 00:00:01.5'), (1, 1, 'shop', 'bulk', 'planned', 2, 'aaaaaaaa', '', '', '', 0, 0, 0, NULL)`,
  );
  await database.query(
    `INSERT INTO pushfleet_outcome (dispatch_id, token_id, seq, outcome, status, reason, attempts, apns_id, at)
     VALUES (1, '1', 0, 'retired', 410, 'Unregistered', 1, '', '2026-01-01')`,
  );
  expect(await producer.status(id)).toEqual({
    notificationId: id,
    app: 'shop',
    state: 'sending',
    recipients: 5,
    accepted: 2,
    rejected: 0,
    retired: 1,
    expired: 0,
    cancelled: 0,
    failed: 0,
    pending: 2,
    resentWithoutAnswer: 4,
    dueAt: '2026-01-01T00:00:00.250Z',
    firstAcceptedAt: '2026-01-01T00:00:01.500Z',
    finishedAt: null,
    reasons: { Unregistered: 1 },
    error: null,
  });
  expect(await producer.status(999_999)).toBeNull();
  await expect(producer.cancel(999_999)).rejects.toThrow(InvalidNotificationError);
});
