import { randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { LocalServer } from '@pushfleet/local-servers/local-server';
import { startRedis } from '@pushfleet/local-servers/start-redis';
import { createProducer } from '@pushfleet/producer';
import { Redis } from 'ioredis';
import { insertGroup, insertNotifications, insertTokens, range } from '../harness/backend-rows.ts';
import { startBoardProcess } from '../harness/board-process.ts';
import { deviceToken, type Fleet, startFleet } from '../harness/fleet.ts';
import type { FleetProcess } from '../harness/fleet-process.ts';
import { until } from '../harness/worker-fleet.ts';

/** The accounts of deploy/grants and deploy/redis/acl.conf, with exactly the rights that stand there. */

const GRANTS = fileURLToPath(new URL('../../deploy/grants/', import.meta.url));
const ACL = fileURLToPath(new URL('../../deploy/redis/acl.conf', import.meta.url));
const PASSWORD = 'only-for-tests';
const run = `g${randomBytes(3).toString('hex')}`;

let fleet: Fleet;
let state: string;
let redis: LocalServer;
let redisDirectory: string;
const users: string[] = [];
/** Settings of each account. */
const as: Record<string, Record<string, string>> = {};

beforeAll(async () => {
  redisDirectory = mkdtempSync(join(tmpdir(), 'pushfleet-acl-'));
  redis = await startRedisWithAcl();
  fleet = await startFleet({
    environment: { PUSHFLEET_REDIS_PREFIX: 'pushfleet', PUSHFLEET_RETRY_DELAYS: '200ms' },
  });
  state = `${fleet.database.name}_state`;
  await fleet.database.query(`CREATE DATABASE ${state} CHARACTER SET utf8mb4`);
  for (const name of ['migrate', 'producer', 'operator', 'board', 'backend']) {
    const url = new URL(fleet.database.url);
    url.username = account(name);
    as[name] = {
      PUSHFLEET_MYSQL_URL: url.href,
      PUSHFLEET_MYSQL_PASSWORD: PASSWORD,
      PUSHFLEET_STATE_DATABASE: state,
      PUSHFLEET_REDIS_URL: redisUrl(name === 'producer' ? name : 'wake'),
    };
  }
  await apply('migrate');
}, 240_000);

afterAll(async () => {
  const admin = fleet?.database;
  for (const user of users) await admin?.query(`DROP USER IF EXISTS ${user}`).catch(() => {});
  await admin?.query(`DROP DATABASE IF EXISTS ${state}`).catch(() => {});
  await fleet?.stop();
  await redis?.stop();
  rmSync(redisDirectory, { recursive: true, force: true });
}, 240_000);

test('migrate makes the tables with its account, and says what to do where a right is missing', async () => {
  const table = `\`${state}\`.\`pushfleet_batch\``;
  await fleet.database.query(`REVOKE CREATE ON ${table} FROM ${quoted('migrate')}`);
  const refused = await fleet.run(['migrate'], as.migrate);
  expect(refused.exitCode).toBe(1);
  expect(refused.stderr).toMatch(/CREATE command denied .*pushfleet_batch.*deploy\/grants/);
  await fleet.database.query(`GRANT CREATE ON ${table} TO ${quoted('migrate')}`);

  const { exitCode, stdout, stderr } = await fleet.run(['migrate'], as.migrate);
  expect([exitCode, stderr]).toEqual([0, '']);
  expect(stdout).toContain('applied');
  for (const name of ['producer', 'operator', 'board', 'backend']) await apply(name);
}, 180_000);

test('a whole broadcast, retirement, pause, rate, cancel and status run with these accounts', async () => {
  const { database, simulator } = fleet;
  await insertTokens(
    database,
    range(1, 60).map((id) => ({ id, deviceToken: deviceToken(id) })),
  );
  await insertGroup(database, 1, range(1, 50));
  simulator.script(`device ${deviceToken(7).slice(0, 16)}* answer 410 Unregistered timestamp -60s`);

  const producer = await fleet.startProducer(as.producer);
  const worker = await fleet.startWorker({ PUSHFLEET_REDIS_URL: redisUrl('worker') });
  const backend = createProducer({ mysql: libraryUrl(), redis: redisUrl('wake'), stateDatabase: state });
  const { id } = await backend.enqueue({
    message: 'to all',
    tokenGroups: [1],
    deviceTokens: [deviceToken(55)],
    key: 'once',
  });
  expect((await backend.enqueue({ message: 'to all', tokenGroups: [1], key: 'once' })).id).toBe(id);
  expect(await finished(id)).toMatchObject({ state: 'done', recipients: 51, accepted: 50, retired: 1 });
  expect(await backend.status(id)).toMatchObject({ state: 'done', accepted: 50 });
  await until(
    () => database.query('SELECT active FROM token WHERE id = 7'),
    ([row]) => row?.active === 0,
  );
  expect(await database.query('SELECT sent FROM notification WHERE id = ?', [id])).toEqual([{ sent: 1 }]);

  for (const args of [
    ['pause'],
    ['resume'],
    ['rate', '400'],
    ['devices', 'restore', '7'],
    ['devices', 'list'],
    ['explain', String(id), '--device-token', deviceToken(7)],
    ['device', deviceToken(7)],
    ['shadow', '--sent-too'],
    ['send', '--device-token', deviceToken(57), '--alert', 'by hand'],
  ]) {
    const { exitCode, stderr } = await fleet.run(args, as.operator);
    expect([args[0], exitCode, stderr]).toEqual([args[0], 0, '']);
  }
  const later = await backend.enqueue({
    message: 'later',
    deviceTokens: [deviceToken(56)],
    at: new Date(Date.now() + 600_000),
  });
  const cancelled = await fleet.run(['cancel', String(later.id)], as.board);
  expect([cancelled.exitCode, cancelled.stderr]).toEqual([0, '']);
  expect((await finished(later.id, 'board')).state).toBe('cancelled');
  await backend.close();

  expect(await worker.stop()).toBe(0);
  expect(await producer.stop()).toBe(0);
  for (const { output } of [producer, worker]) expect(output()).not.toMatch(/denied|NOPERM|"level":"error"/);
  expect(await deniedByRedis()).toEqual([]);
}, 240_000);

test("the board's account reads of a device what the look-up needs and changes nothing", async () => {
  const { denied } = await connected('board');
  await denied(`UPDATE ${fleet.database.name}.token SET active = 0`);
  await denied(`UPDATE ${fleet.database.name}.notification SET sent = 1`);
  await denied(`UPDATE ${state}.pushfleet_app SET paused_by = 'me'`);
  await denied(`DELETE FROM ${state}.pushfleet_command`);
  const producer = await connected('producer');
  await producer.denied(`UPDATE ${fleet.database.name}.token SET token = 'x'`);
  await producer.denied(`UPDATE ${fleet.database.name}.notification SET message = 'x'`);
  await producer.denied(`DELETE FROM ${fleet.database.name}.notification`);
  await producer.denied(`DROP TABLE ${state}.pushfleet_batch`);
});

test('each right of the producer that is missing is told with its table and the mend, and work goes on once it is given', async () => {
  const { database, simulator } = fleet;
  simulator.script('device dead* answer 410 Unregistered timestamp -60s');
  const start = () =>
    fleet.startProducer({
      ...as.producer,
      PUSHFLEET_POLL_INTERVAL_MS: '50',
      PUSHFLEET_LOG_LEVEL: 'debug', // a loop that fails for the second time says so at this level
    });
  let producer = await start();
  const worker = await fleet.startWorker({ PUSHFLEET_REDIS_URL: redisUrl('worker') });
  let id = 10_000;
  const missed: string[] = [];
  for (const { right, table, on } of rightsOf('producer')) {
    if (HOUSEKEEPING.has(`${right} ${table}`) || AT_START.has(`${right} ${table}`)) continue;
    id++;
    // That results cannot be recorded is told once in ten seconds.
    if (/batch|outcome|retirement/.test(table)) {
      await producer.stop();
      producer = await start();
    }
    const said = producer.output().length;
    await database.query(`REVOKE ${right} ON ${on} FROM ${quoted('producer')}`);
    try {
      // One dead, one malformed, an operator's wish: every table is read and written.
      await insertTokens(database, [
        { id, deviceToken: deviceToken(id) },
        { id: id + 10_000, deviceToken: 'none' },
        { id: id + 20_000, deviceToken: `dead${String(id).padStart(60, '0')}` },
      ]);
      const tokenIds = [id, id + 10_000, id + 20_000];
      await insertNotifications(database, [{ id, tokenIds, groupIds: [1] }]);
      await database.query(
        `INSERT INTO ${state}.pushfleet_command (verb, arguments, requested_by, requested_at) VALUES ('resume', '{"app":"default"}', 'test', UTC_TIMESTAMP(3))`,
      );
      await until(
        () => toldOf(producer, said),
        (lines) =>
          lines.some(
            (line) => line.includes('deploy/grants') && line.includes(`for table`) && line.includes(table),
          ),
        8_000,
      ).catch(() => missed.push(`${right} ON ${table}`));
    } finally {
      await database.query(`GRANT ${right} ON ${on} TO ${quoted('producer')}`);
    }
  }
  expect(missed).toEqual([]);
  await until(
    () =>
      database.query(
        `SELECT id FROM ${state}.pushfleet_dispatch WHERE notification_id > 10000 AND state = 'done'`,
      ),
    (done) => done.length === id - 10_000,
    20_000,
  );
  await worker.stop();
  await producer.stop();
}, 240_000);

test('without the rights that it needs at once a producer does not start, and says why', async () => {
  const needed = rightsOf('producer').filter(
    ({ right, table }) =>
      AT_START.has(`${right} ${table}`) || (right === 'SELECT' && !table.startsWith('pushfleet_')),
  );
  for (const { right, table, on } of needed) {
    await fleet.database.query(`REVOKE ${right} ON ${on} FROM ${quoted('producer')}`);
    const { exitCode, stderr } = await fleet.run(['producer'], as.producer);
    await fleet.database.query(`GRANT ${right} ON ${on} TO ${quoted('producer')}`);
    expect([table, exitCode, stderr]).toEqual([table, expect.any(Number), expect.stringContaining(table)]);
    expect([table, stderr]).toEqual([table, expect.stringContaining('deploy/grants')]);
    expect([table, exitCode]).not.toEqual([table, 0]);
  }
}, 240_000);

test('each right of an operator that is missing is told by the command', async () => {
  const { database } = fleet;
  const due = new Date(Date.now() + 3_600_000).toISOString().slice(0, 19);
  await insertNotifications(database, [{ id: 9_001, due, options: { title: 'scheduled' } }]);
  const calls = [
    ['explain', '10001', '--device-token', deviceToken(7)],
    ['devices', 'list'],
    ['status', '--json'],
    ['status', '9001', '--json'],
    // Last, as no producer answers it any more.
    ['rate', '400'],
  ];
  for (const { right, table, on } of rightsOf('operator')) {
    await database.query(`REVOKE ${right} ON ${on} FROM ${quoted('operator')}`);
    const said: string[] = [];
    for (const args of calls) {
      said.push((await fleet.run(args, as.operator)).stderr);
      if (said.at(-1) !== '') break;
    }
    await database.query(`GRANT ${right} ON ${on} TO ${quoted('operator')}`);
    expect([table, said.at(-1)]).toEqual([table, expect.stringMatching(new RegExp(`\\b${table}\\b`))]);
    expect([table, said.at(-1)]).toEqual([table, expect.stringContaining('deploy/grants')]);
  }
}, 240_000);

test('a Redis user without a right is told so at the start, and the default user is off', async () => {
  const [anonymous, wrong] = await Promise.all([
    fleet.run(['worker'], { PUSHFLEET_REDIS_URL: redis.url }),
    fleet.run(['producer'], {
      PUSHFLEET_REDIS_URL: `redis://pushfleet-producer:wrong@127.0.0.1:${redis.port}`,
    }),
  ]);
  expect([anonymous.exitCode, anonymous.stderr]).toEqual([2, expect.stringContaining('NOAUTH')]);
  expect([wrong.exitCode, wrong.stderr]).toEqual([2, expect.stringMatching(/WRONGPASS|NOAUTH/)]);
  expect(wrong.stderr).not.toContain(':wrong@');

  const client = new Redis(redisUrl('board'));
  await expect(client.del('{pushfleet-default}:control')).rejects.toThrow('NOPERM');
  await expect(client.get('elsewhere')).rejects.toThrow('NOPERM');
  client.disconnect();
  const board = await startBoardProcess({
    PUSHFLEET_REDIS_URL: redisUrl('board'),
    PUSHFLEET_REDIS_PREFIX: 'pushfleet',
    PUSHFLEET_BOARD_USER: 'ops',
    PUSHFLEET_BOARD_PASSWORD: PASSWORD,
  });
  await adminRedis((admin) => admin.acl('LOG', 'RESET'));
  const headers = { authorization: `Basic ${Buffer.from(`ops:${PASSWORD}`).toString('base64')}` };
  const page = await fetch(`${board.url}queues/api/queues?activeQueue=bulk&page=1`, { headers });
  expect([page.status, await page.text()]).toEqual([200, expect.stringContaining('"bulk"')]);
  expect(await board.stop()).toBe(0);
  expect(await deniedByRedis()).toEqual([]);
}, 180_000);

/** Rights that nothing needs within the test's time: replay, the removal of old rows and of claims of mended ones. */
const HOUSEKEEPING = new Set([
  'DELETE pushfleet_command',
  'DELETE pushfleet_request',
  'DELETE pushfleet_dispatch',
  'DELETE pushfleet_batch',
  'SELECT pushfleet_outcome',
  'DELETE pushfleet_outcome',
  'DELETE pushfleet_retirement',
]);

/** Rights without which a producer does not start. */
const AT_START = new Set(['SELECT pushfleet_fleet', 'INSERT pushfleet_app', 'UPDATE pushfleet_app']);

function account(name: string): string {
  return name === 'backend' ? `${run}_backend` : `${run}_${name}`;
}

function quoted(name: string): string {
  return `'${account(name)}'@'%'`;
}

/** The statements of a file, its placeholders filled in; accounts get a name of this run. */
function statementsOf(name: string): string[] {
  const values: Record<string, string> = { BACKEND: fleet.database.name, STATE: state, HOST: '%', PASSWORD };
  return readFileSync(join(GRANTS, `${name}.sql`), 'utf8')
    .replace(/\$\{(\w+)\}/g, (_, placeholder: string) => values[placeholder]!)
    .replace(/'(?:pushfleet_)?(\w+)'@/g, (_, role: string) => `'${account(role)}'@`)
    .replace(/^--.*$/gm, '')
    .split(';')
    .map((statement) => statement.trim())
    .filter((statement) => statement !== '');
}

async function apply(name: string): Promise<void> {
  users.push(quoted(name));
  for (const statement of statementsOf(name)) await fleet.database.query(statement);
}

/** Each right of a file by itself. */
function rightsOf(name: string): { right: string; table: string; on: string }[] {
  return statementsOf(name).flatMap((statement) => {
    const [, rights, on, table] = /^GRANT (.*) ON (`\w+`\.`(\w+)`) TO/.exec(statement) ?? [];
    if (rights === undefined) return [];
    return rights.split(/,\s*(?![^(]*\))/).map((right) => ({ right, table: table!, on: on! }));
  });
}

function toldOf(producer: FleetProcess, from: number): string[] {
  return producer
    .output()
    .slice(from)
    .split('\n')
    .filter((line) => line.includes('denied'));
}

async function finished(id: number | string, who = 'operator'): Promise<Record<string, unknown>> {
  return until(
    async () => {
      const { stdout, stderr } = await fleet.run(['status', String(id), '--json'], as[who]);
      if (stderr !== '') throw new Error(stderr);
      return JSON.parse(stdout) as Record<string, unknown>;
    },
    ({ state: now }) => ['done', 'cancelled', 'invalid', 'expired'].includes(String(now)),
    20_000,
  );
}

function libraryUrl(): string {
  const url = new URL(as.backend!.PUSHFLEET_MYSQL_URL!);
  url.password = PASSWORD;
  return url.href;
}

async function connected(name: string) {
  const { createConnection } = await import('mysql2/promise');
  const url = new URL(as[name]!.PUSHFLEET_MYSQL_URL!);
  url.password = PASSWORD;
  return {
    async denied(sql: string) {
      const connection = await createConnection(url.href);
      await expect(connection.query(sql)).rejects.toThrow(/denied/);
      await connection.end();
    },
  };
}

async function startRedisWithAcl(): Promise<LocalServer> {
  const file = join(redisDirectory, 'users.acl');
  // The server is asked whether it is ready before the default user is switched off.
  writeFileSync(
    file,
    readFileSync(ACL, 'utf8')
      .replace(/\$\{\w+\}/g, PASSWORD)
      .replace('user default off', 'user default on nopass +@all ~* &*'),
  );
  const server = await startRedis({ dir: redisDirectory, extraArgs: ['--aclfile', file] });
  writeFileSync(file, readFileSync(ACL, 'utf8').replace(/\$\{\w+\}/g, PASSWORD));
  const client = new Redis(server.url);
  await client.acl('LOAD').catch(() => {});
  client.disconnect();
  return server;
}

function redisUrl(user: string): string {
  const name = user === 'admin' ? user : `pushfleet-${user}`;
  return `redis://${name}:${PASSWORD}@127.0.0.1:${redis.port}`;
}

async function adminRedis<T>(work: (admin: Redis) => Promise<T>): Promise<T> {
  const admin = new Redis(redisUrl('admin'));
  try {
    return await work(admin);
  } finally {
    admin.disconnect();
  }
}

/** What Redis refused since its log was emptied, as `user: command`. */
async function deniedByRedis(): Promise<string[]> {
  const entries = (await adminRedis((admin) => admin.acl('LOG'))) as unknown as string[][];
  return entries
    .map((entry) =>
      Object.fromEntries(
        Array.from({ length: entry.length / 2 }, (_, i) => [entry[2 * i], entry[2 * i + 1]]),
      ),
    )
    .map((entry) => `${entry.username}: ${entry.reason} ${entry.object}`);
}

test('every file of deploy/grants is used here, but for that of a board that only reads (integration/board-pages)', () => {
  const files = readdirSync(GRANTS).filter((file) => file.endsWith('.sql') && file !== 'board-read.sql');
  expect(files.sort()).toEqual(['backend.sql', 'board.sql', 'migrate.sql', 'operator.sql', 'producer.sql']);
});
