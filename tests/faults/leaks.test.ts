import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { findFreePort } from '@pushfleet/local-servers/free-port';
import type { LocalServer } from '@pushfleet/local-servers/local-server';
import { startRedis } from '@pushfleet/local-servers/start-redis';
import { Redis } from 'ioredis';
import { insertNotifications, insertTokens, range } from '../harness/backend-rows.ts';
import { type Fleet, startFleet } from '../harness/fleet.ts';
import { type FleetProcess, startProcess } from '../harness/fleet-process.ts';
import { SecretScan } from '../harness/secret-scan.ts';
import { until } from '../harness/worker-fleet.ts';

/**
 * A fleet at trace level through outcomes and faults of all kinds: nothing that leaves a process holds a
 * device token, a text of a notification, the key, a provider token or a password. The data of jobs holds
 * device tokens and payload by design (Redis is the queue), and so does the frozen request the payload.
 */
const MYSQL_PASSWORD = `Mysql-${randomBytes(9).toString('hex')}`;
const REDIS_PASSWORD = `Redis-${randomBytes(9).toString('hex')}`;
const BOARD_PASSWORD = `Board-${randomBytes(9).toString('hex')}`;
const WRONG_PASSWORD = `Wrong-${randomBytes(9).toString('hex')}`;
const MESSAGE = `Your verification code is ${randomBytes(6).toString('hex')}`;
const OPTION = `Dear Ms ${randomBytes(6).toString('hex')}`;

const user = `leak_${randomBytes(3).toString('hex')}`;
const directory = mkdtempSync(join(tmpdir(), 'pushfleet-leaks-'));
const scan = new SecretScan();
const processes: FleetProcess[] = [];
const outputs: string[] = [];
let redisServer: LocalServer;
let redis: Redis;
let fleet: Fleet;
let mysqlUrl: string;

/** Device tokens by the script's rule for them. */
const KINDS = ['aa', 'ba', 'de', '50', '05', 'd0', 'e0', 'f0'];
const tokens = range(1, 48).map((id) => ({
  id,
  deviceToken: KINDS[id % KINDS.length]! + randomBytes(31).toString('hex'),
}));
const SCRIPT = `
device ba* answer 400 BadDeviceToken
device de* answer 410 Unregistered timestamp -60s
device 50* answer 503 ServiceUnavailable retry-after 1
device 05* answer 429 TooManyRequests
device d0* drop times 1
device e0* answer 403 InvalidProviderToken times 1
device f0* answer 400 PayloadTooLarge`;

beforeAll(async () => {
  redisServer = await startRedis({ dir: join(directory, 'redis') });
  const redisUrl = `redis://:${REDIS_PASSWORD}@127.0.0.1:${redisServer.port}`;
  redis = new Redis(redisServer.url);
  await redis.config('SET', 'requirepass', REDIS_PASSWORD);
  await redis.auth(REDIS_PASSWORD);
  fleet = await startFleet({
    environment: {
      PUSHFLEET_REDIS_URL: redisUrl,
      PUSHFLEET_LOG_LEVEL: 'trace',
      PUSHFLEET_RETRY_DELAYS: '100ms',
      PUSHFLEET_MAX_ATTEMPTS: '2',
      PUSHFLEET_BATCH_SIZE: '10',
    },
  });
  await fleet.database.query(`CREATE USER '${user}'@'%' IDENTIFIED BY '${MYSQL_PASSWORD}'`);
  await fleet.database.query(`GRANT ALL ON ${fleet.database.name}.* TO '${user}'@'%'`);
  const url = new URL(fleet.database.url);
  url.username = user;
  url.password = MYSQL_PASSWORD;
  mysqlUrl = url.href;

  for (const { deviceToken } of tokens) scan.addDeviceToken(deviceToken);
  for (const [name, text] of Object.entries({
    MYSQL_PASSWORD,
    REDIS_PASSWORD,
    BOARD_PASSWORD,
    WRONG_PASSWORD,
    MESSAGE,
    OPTION,
  }))
    scan.addText(name, text);
  const key = readFileSync(fleet.environment.PUSHFLEET_APNS_KEY_FILE!, 'utf8');
  for (const line of key.split('\n').filter((one) => one.length > 20 && !one.startsWith('-----')))
    scan.addText('the key', line);
  // All provider tokens of this key begin alike.
  scan.addText('a provider token', Buffer.from('{"alg":"ES256"').toString('base64url').slice(0, 16));
}, 180_000);

afterAll(async () => {
  await Promise.all(processes.map((one) => one.stop()));
  redis?.disconnect();
  await fleet?.database.query(`DROP USER IF EXISTS '${user}'@'%'`);
  await fleet?.stop();
  await redisServer?.stop();
  rmSync(directory, { recursive: true, force: true });
}, 180_000);

test('the scan finds what it looks for, in hex, upper case and base64 at any offset', () => {
  const { deviceToken } = tokens[0]!;
  const raw = Buffer.from(deviceToken, 'hex');
  for (const text of [
    `x${deviceToken}`,
    deviceToken.toUpperCase(),
    `<${deviceToken.match(/.{8}/g)!.join(' ')}>`,
    raw.toString('base64'),
    Buffer.concat([Buffer.from('ab'), raw, raw]).toString('base64'),
  ])
    expect(scan.found(text)).toEqual([`device token ${deviceToken.slice(0, 4)}…`]);
  expect(scan.found(`mysql://u:${encodeURIComponent(MYSQL_PASSWORD)}@h`)).toEqual(['MYSQL_PASSWORD']);
  expect(scan.found('0'.repeat(64))).toEqual([]);
});

test('a fleet at trace level through outcomes and faults of all kinds', async () => {
  const { database, simulator } = fleet;
  simulator.script(SCRIPT);
  const [workerPort, producerPort, boardPort] = [
    await findFreePort(),
    await findFreePort(),
    await findFreePort(),
  ];
  const start = async (args: string[], more: Record<string, string>, event: string) => {
    const started = startProcess(args, { ...fleet.environment, PUSHFLEET_MYSQL_URL: mysqlUrl, ...more });
    processes.push(started);
    await started.printed(event);
    return started;
  };
  const producer = await start(
    ['producer'],
    { PUSHFLEET_HTTP_PORT: String(producerPort) },
    '"producer.started"',
  );
  await start(['worker'], { PUSHFLEET_HTTP_PORT: String(workerPort) }, '"worker.started"');
  const board = {
    PUSHFLEET_BOARD_PORT: String(boardPort),
    PUSHFLEET_BOARD_USER: 'ops',
    PUSHFLEET_BOARD_PASSWORD: BOARD_PASSWORD,
  };
  await start(['board'], board, '"board.ready"');

  await insertTokens(database, [
    ...tokens,
    // The old spelling, and one that is none and resembles another.
    { id: 101, deviceToken: `<${tokens[7]!.deviceToken.match(/.{8}/g)!.join(' ')}>` },
    { id: 102, deviceToken: `${tokens[1]!.deviceToken}zz` },
  ]);
  const everybody = [...tokens.map(({ id }) => id), 101, 102];
  await insertNotifications(database, [
    { id: 1, message: MESSAGE, tokenIds: everybody, options: { title: OPTION } },
    { id: 2, message: MESSAGE, tokenIds: everybody, options: `{"title": "${OPTION}", broken` },
    { id: 3, message: `${MESSAGE} ${'x'.repeat(5_000)}`, tokenIds: everybody },
    {
      id: 4,
      message: MESSAGE,
      tokenIds: everybody,
      options: { pushType: 'alert', payload: { aps: OPTION } },
    },
    { id: 5, message: MESSAGE, tokenIds: everybody, options: { priority: OPTION } },
    { id: 6, message: MESSAGE, tokenIds: everybody, options: { expiry: OPTION } },
  ]);
  await until(
    () => simulator.requests().length,
    (requests) => requests > 20,
  );
  await malformedJobs();
  await look('while it sends', { workerPort, producerPort, boardPort });

  // MySQL refuses to record, and quotes a value while doing so; then it ends all connections.
  await database.query(
    `CREATE TRIGGER refuse BEFORE INSERT ON pushfleet_outcome FOR EACH ROW
     SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'Duplicate entry ''${tokens[2]!.deviceToken}'' for key ''x'''`,
  );
  await insertNotifications(database, [
    { id: 7, message: MESSAGE, tokenIds: everybody },
    { id: 9, message: MESSAGE, tokenIds: tokens.map(({ id }) => id) },
  ]);
  await producer.printed('"planning.failed"');
  await producer.printed('"result.notRecorded"');
  expect(producer.output()).toContain('Duplicate entry [hidden]');
  await look('while results cannot be recorded', { workerPort, producerPort, boardPort });
  await database.query('DROP TRIGGER refuse');
  for (const { id } of await database.query<{ id: number }>(
    'SELECT id FROM information_schema.processlist WHERE user = ?',
    [user],
  ))
    await database.query(`KILL ${id}`).catch(() => {});

  // Redis refuses writes; a worker dies in the middle, another is killed by an error that nobody expected.
  await insertNotifications(database, [{ id: 8, message: MESSAGE, tokenIds: everybody }]);
  await redis.config('SET', 'maxmemory', '1');
  await sleep(1_500);
  await redis.config('SET', 'maxmemory', '0');
  const dying = await start(['worker'], {}, '"worker.started"');
  dying.kill('SIGKILL');
  const thrown = `process.on('SIGUSR2', () => { throw Object.assign(new Error('it failed for ${tokens[3]!.deviceToken}'), { sql: '${MESSAGE}', args: ['${tokens[4]!.deviceToken}'], cause: new Error('redis://:${REDIS_PASSWORD}@h') }) })`;
  writeFileSync(join(directory, 'thrown.mjs'), thrown);
  const crashing = await start(
    ['worker'],
    { NODE_OPTIONS: `--import=${join(directory, 'thrown.mjs')}` },
    '"worker.started"',
  );
  crashing.kill('SIGUSR2');
  expect(await crashing.exited).toBe(1);
  expect(crashing.output()).toContain('"process.crashed"');

  // One that waits for its Redis.
  const away = { PUSHFLEET_REDIS_URL: `redis://:${WRONG_PASSWORD}@127.0.0.1:1` };
  await start(['worker'], away, '"start.waiting"');

  await fleet.ended([1, 2, 7, 8, 9]);
  await commands();
  await look('at the end', { workerPort, producerPort, boardPort });
  for (const one of processes) await one.stop();
  outputs.push(...processes.map((one) => one.output()));

  const status = await fleet.status(1);
  expect(status.accepted).toBeGreaterThan(0);
  expect(status.failed).toBeGreaterThan(0);
  expect(Object.keys(status.reasons)).toEqual(
    expect.arrayContaining(['BadDeviceToken', 'Unregistered', 'PayloadTooLarge', 'MalformedDeviceToken']),
  );
  expect(outputs.join('').length).toBeGreaterThan(10_000);
  for (const output of outputs) expect([scan.found(output), leakIn(output)]).toEqual([[], '']);
}, 180_000);

/** Jobs that no producer of ours makes: their failed reasons are ours. */
async function malformedJobs(): Promise<void> {
  const { Queue } = await import('bullmq');
  const prefix = `{${fleet.redisPrefix}-default}`;
  const connection = new Redis(`redis://:${REDIS_PASSWORD}@127.0.0.1:${redisServer.port}`, {
    maxRetriesPerRequest: null,
  });
  for (const lane of ['urgent', 'bulk', 'results']) {
    const queue = new Queue(lane, { connection, prefix });
    const payload = JSON.stringify({ aps: { alert: MESSAGE } });
    for (const data of [
      { v: 1, payload, tokens: tokens[0]!.deviceToken, dispatch: MESSAGE },
      MESSAGE,
      { v: 1, [tokens[5]!.deviceToken]: 1 },
    ])
      await queue.add('x', data, { jobId: `strange-${lane}-${JSON.stringify(data).length}` });
    await queue.close();
  }
  connection.disconnect();
  await sleep(500);
}

/** Everything that can be read from outside, but for the data of jobs and the frozen request. */
async function look(
  when: string,
  ports: { workerPort: number; producerPort: number; boardPort: number },
): Promise<void> {
  const seen: [where: string, text: string][] = [];
  for (const [port, path] of [
    [ports.workerPort, '/metrics'],
    [ports.workerPort, '/health/ready'],
    [ports.producerPort, '/metrics'],
    [ports.producerPort, '/health/ready'],
    [ports.producerPort, '/health/live'],
    [ports.producerPort, '/scaling/default'],
  ] as const)
    seen.push([path, await (await fetch(`http://127.0.0.1:${port}${path}`)).text()]);
  seen.push(
    ...(await redisWithoutJobData()),
    ...(await stateTables()),
    ...(await boardAnswers(ports.boardPort)),
  );
  expect(seen.length).toBeGreaterThan(30);
  for (const [where, text] of seen)
    expect([when, where, scan.found(text), leakIn(text)]).toEqual([when, where, [], '']);
}

async function redisWithoutJobData(): Promise<[string, string][]> {
  const seen: [string, string][] = [];
  for (const key of await redis.keys('*')) {
    seen.push(['key name', key]);
    const type = await redis.type(key);
    if (type === 'hash') {
      const { data, ...rest } = await redis.hgetall(key);
      // The scan can find something here: a batch's data is full of device tokens.
      if (/:b-/.test(key) && data !== undefined) expect(scan.found(data).length).toBeGreaterThan(0);
      if (/:(results:r-|control)/.test(key)) seen.push([`${key} data`, data ?? '']);
      seen.push([key, JSON.stringify(rest)]);
    } else if (type === 'stream') seen.push([key, JSON.stringify(await redis.xrange(key, '-', '+'))]);
    else if (type === 'string') seen.push([key, (await redis.get(key)) ?? '']);
    else if (type === 'list') seen.push([key, (await redis.lrange(key, 0, -1)).join(' ')]);
    else if (type === 'zset') seen.push([key, (await redis.zrange(key, '0', '-1')).join(' ')]);
    else if (type === 'set') seen.push([key, (await redis.smembers(key)).join(' ')]);
  }
  return seen;
}

async function stateTables(): Promise<[string, string][]> {
  const tables = ['fleet', 'app', 'command', 'request', 'dispatch', 'batch', 'outcome', 'retirement'];
  return (
    await Promise.all(
      tables.map(async (table) => {
        const rows = await fleet.database.query(`SELECT * FROM pushfleet_${table}`);
        return rows.flatMap((row): [string, string][] =>
          Object.entries(row)
            // The payload, by design; no device token, which is what is looked for there.
            .map(([column, value]): [string, string] => [
              `${table}.${column}`,
              Buffer.isBuffer(value) ? `${value.toString('latin1')} ${value.toString('hex')}` : String(value),
            ])
            .map(([where, text]) =>
              where === 'request.options' || where === 'dispatch.request' || where === 'request.request_key'
                ? [where, text.replaceAll(MESSAGE, '').replaceAll(OPTION, '')]
                : [where, text],
            ),
        );
      }),
    )
  ).flat();
}

async function boardAnswers(port: number): Promise<[string, string][]> {
  const headers = { authorization: `Basic ${Buffer.from(`ops:${BOARD_PASSWORD}`).toString('base64')}` };
  const ask = async (path: string): Promise<[string, string]> => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`, { headers });
    return [path, `${JSON.stringify([...response.headers])}${await response.text()}`];
  };
  const paths = [
    '/queues/',
    '/nothing',
    '/queues/api/redis/stats',
    '/queues/api/job-schedulers',
    '/queues/api/queues',
  ];
  for (const queue of ['urgent', 'bulk', 'results']) {
    for (const state of ['active', 'waiting', 'delayed', 'failed', 'completed'])
      paths.push(`/queues/api/queues?activeQueue=${queue}&status=${state}&page=1&jobsPerPage=50`);
    const ids = (await redis.keys(`*:${queue}:*`))
      .map((key) => key.split(`:${queue}:`)[1]!)
      .filter((id) => /^(b|r|strange)-/.test(id) && !id.includes(':'));
    for (const id of ids.slice(0, 6))
      for (const what of ['', '/logs', '/flow'])
        paths.push(`/queues/api/queues/${queue}/${encodeURIComponent(id)}${what}`);
  }
  return Promise.all(paths.map(ask));
}

/** The commands' output, with wrong passwords and addresses too. */
async function commands(): Promise<void> {
  const { redisPrefix: _, environment } = fleet;
  const own = { PUSHFLEET_MYSQL_URL: mysqlUrl };
  const wrongMysql = mysqlUrl.replace(MYSQL_PASSWORD, WRONG_PASSWORD);
  const wrongRedis = environment.PUSHFLEET_REDIS_URL!.replace(REDIS_PASSWORD, WRONG_PASSWORD);
  const calls: [string[], Record<string, string>][] = [
    [['status', '--json'], own],
    [['status', '2'], own],
    [['explain', '2', '--json'], own],
    [['devices', 'list'], own],
    [['status'], { PUSHFLEET_MYSQL_URL: wrongMysql }],
    [['producer'], { PUSHFLEET_MYSQL_URL: wrongMysql }],
    [['producer'], { ...own, PUSHFLEET_REDIS_URL: wrongRedis }],
    [['worker'], { PUSHFLEET_REDIS_URL: wrongRedis }],
    [['status'], { PUSHFLEET_MYSQL_URL: `mysql://u:${WRONG_PASSWORD}@127.0.0.1:1/x` }],
    [['status'], { PUSHFLEET_MYSQL_URL: `mysql//u:${WRONG_PASSWORD}@:x/y` }],
    [['status'], { PUSHFLEET_MYSQL_URL: `${wrongMysql}?password=${WRONG_PASSWORD}` }],
    [['worker'], { PUSHFLEET_REDIS_URL: `http://u:${WRONG_PASSWORD}@h` }],
    [
      ['worker'],
      {
        PUSHFLEET_APNS_KEY_FILE: '',
        PUSHFLEET_APNS_KEY: `-----BEGIN PRIVATE KEY-----\n${WRONG_PASSWORD}\n-----END PRIVATE KEY-----`,
      },
    ],
    [['worker'], { PUSHFLEET_APNS_KEY_ID: WRONG_PASSWORD }],
  ];
  for (let at = 0; at < calls.length; at += 3) {
    const ran = await Promise.all(calls.slice(at, at + 3).map(([args, more]) => fleet.run(args, more)));
    outputs.push(...ran.map(({ stdout, stderr }) => stdout + stderr));
  }
}

/** The surroundings of the first thing that is found, for the person who has to mend it. */
function leakIn(text: string): string {
  if (scan.found(text).length === 0) return '';
  return (
    text
      .split('\n')
      .find((line) => scan.found(line).length > 0)
      ?.slice(0, 1_500) ?? 'over several lines'
  );
}
