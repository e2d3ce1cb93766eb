import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { findFreePort } from '@pushfleet/local-servers/free-port';
import { startRedis } from '@pushfleet/local-servers/start-redis';
import { Redis } from 'ioredis';
import { startRelay } from '../harness/apns-peers.ts';
import { insertNotifications, insertTokens, range } from '../harness/backend-rows.ts';
import { endAll } from '../harness/doomed-fleet.ts';
import { deviceToken, type Fleet, startFleet } from '../harness/fleet.ts';
import { type FleetProcess, startProcess } from '../harness/fleet-process.ts';
import { within } from '../harness/time-limit.ts';

const WAITS_FOR = (server: string) => new RegExp(`"start.waiting","server":"${server}"`);

let fleet: Fleet;
let processes: FleetProcess[] = [];
let closers: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  fleet = await startFleet();
  await insertTokens(
    fleet.database,
    range(1, 5).map((id) => ({ id, deviceToken: deviceToken(id) })),
  );
}, 180_000);
afterEach(async () => {
  await Promise.all(processes.map((one) => one.stop()));
  for (const close of closers) await close();
  [processes, closers] = [[], []];
}, 180_000);
afterAll(() => fleet?.stop(), 60_000);

function start(name: 'producer' | 'worker' | 'board', environment: Record<string, string>): FleetProcess {
  const started = startProcess([name], {
    ...fleet.environment,
    PUSHFLEET_BOARD_PORT: '0',
    ...environment,
  });
  processes.push(started);
  return started;
}

/** An address of which nobody knows anything until `open`; then it leads to the server at `address`. */
async function laterAddress(address: string) {
  const target = Number(new URL(address).port);
  const port = await findFreePort();
  return {
    url: address.replace(`:${target}`, `:${port}`),
    async open() {
      const line = await startRelay(target, port);
      closers.push(() => line.close());
      return line;
    },
  };
}

async function health(port: string, path: string): Promise<string> {
  const response = await fetch(`http://127.0.0.1:${port}/health/${path}`);
  return `${response.status} ${(await response.text()).trim()}`;
}

test('started before MySQL and Redis: each says what it waits for, is alive and not ready, and goes on by itself', async () => {
  const mysql = await laterAddress(fleet.environment.PUSHFLEET_MYSQL_URL!);
  const redis = await laterAddress(fleet.environment.PUSHFLEET_REDIS_URL!);
  const PUSHFLEET_REDIS_URL = redis.url;
  const [ofProducer, ofWorker] = [String(await findFreePort()), String(await findFreePort())];
  const producer = start('producer', {
    PUSHFLEET_REDIS_URL,
    PUSHFLEET_MYSQL_URL: mysql.url,
    PUSHFLEET_HTTP_PORT: ofProducer,
  });
  const worker = start('worker', { PUSHFLEET_REDIS_URL, PUSHFLEET_HTTP_PORT: ofWorker });
  const board = start('board', { PUSHFLEET_REDIS_URL });
  await Promise.all([
    producer.printed(WAITS_FOR('MySQL')),
    worker.printed(WAITS_FOR('Redis')),
    board.printed('"board.ready"'),
  ]);
  for (const port of [ofProducer, ofWorker])
    expect([await health(port, 'live'), await health(port, 'ready')]).toEqual(['200 ok', '503 starting']);

  await mysql.open();
  await producer.printed(WAITS_FOR('Redis'));
  await redis.open();
  await Promise.all([producer.printed('"producer.started"'), worker.printed('"worker.started"')]);
  await insertNotifications(fleet.database, [{ id: 1, tokenIds: range(1, 5) }]);
  await fleet.ended([1]);
  expect(await fleet.status(1)).toMatchObject({ state: 'done', accepted: 5 });
  for (const port of [ofProducer, ofWorker])
    expect([await health(port, 'live'), await health(port, 'ready')]).toEqual(['200 ok', '200 ok']);
  expect(producer.output()).toMatch(/"start.serverThere","server":"MySQL"/);
}, 180_000);

test('servers that are silent are waited for as well; SIGTERM ends the wait at once with 0', async () => {
  const mysql = await laterAddress(fleet.environment.PUSHFLEET_MYSQL_URL!);
  const redis = await laterAddress(fleet.environment.PUSHFLEET_REDIS_URL!);
  for (const line of [await mysql.open(), await redis.open()]) line.goSilent();
  const PUSHFLEET_REDIS_URL = redis.url;
  const producer = start('producer', { PUSHFLEET_REDIS_URL, PUSHFLEET_MYSQL_URL: mysql.url });
  const worker = start('worker', { PUSHFLEET_REDIS_URL });
  await Promise.all([producer.printed(WAITS_FOR('MySQL')), worker.printed(WAITS_FOR('Redis'))]);
  const ended = await endAll({ producer, worker }, 'SIGTERM', 10_000);
  expect(ended.map(({ name, code }) => [name, code])).toEqual([
    ['producer', 0],
    ['worker', 0],
  ]);
  for (const { ms } of ended) expect(ms).toBeLessThan(within(1_000));
}, 180_000);

test.each<[string, Record<string, string>, RegExp[]]>([
  [
    'evicts and is not append-only',
    { appendonly: 'no', 'maxmemory-policy': 'allkeys-lru' },
    [
      /no append-only file, .*set "appendonly yes"/,
      /maxmemory-policy is allkeys-lru.*set "maxmemory-policy noeviction"/,
    ],
  ],
  ['wants another password', { requirepass: 'other' }, [/NOAUTH.*are address, user and password right\?/]],
])(
  'a Redis that %s: producer and worker end with 2 and say how to mend it',
  async (_, config, faults) => {
    const dir = mkdtempSync(join(tmpdir(), 'pushfleet-start-'));
    const server = await startRedis({ dir });
    const redis = new Redis(server.url);
    for (const [name, value] of Object.entries(config)) await redis.config('SET', name, value);
    redis.disconnect();
    closers.push(async () => {
      await server.stop();
      rmSync(dir, { recursive: true, force: true });
    });
    const environment = {
      PUSHFLEET_REDIS_URL: server.url,
      PUSHFLEET_HTTP_PORT: String(await findFreePort()),
    };
    for (const name of ['producer', 'worker'] as const) {
      const refused = start(name, environment);
      expect([name, await refused.exited]).toEqual([name, 2]);
      for (const fault of faults) expect(refused.output()).toMatch(fault);
      expect(refused.output()).not.toContain('start.waiting');
    }
  },
  60_000,
);

test('a wrong password for MySQL is not waited for: 1, and says what to mend', async () => {
  const url = new URL(fleet.environment.PUSHFLEET_MYSQL_URL!);
  url.username = 'nobody';
  url.password = 'wrong';
  const refused = start('producer', { PUSHFLEET_MYSQL_URL: url.href });
  expect(await refused.exited).toBe(1);
  expect(refused.output()).toMatch(/mend user and password in PUSHFLEET_MYSQL_URL/);
}, 180_000);
