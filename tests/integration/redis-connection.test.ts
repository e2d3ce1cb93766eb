import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { createLog } from '@pushfleet/shared/platform/log';
import { connectRedis, type RedisClient, type RedisUse } from '@pushfleet/shared/queue/redis-connection';
import { startWorkerFleet, until, type WorkerFleet } from '../harness/worker-fleet.ts';

let fleet: WorkerFleet;
let client: RedisClient;
const sockets: Socket[] = [];

beforeEach(async () => {
  fleet = await startWorkerFleet({ workers: 0 });
});

afterEach(async () => {
  client.disconnect();
  for (const socket of sockets.splice(0)) socket.destroy();
  await fleet.close();
});

/** A line to Redis. `cut`: on what is open now nothing passes any more, and nobody hears of it. */
async function openLine() {
  const { hostname, port } = new URL(fleet.redisUrl);
  const line = createServer((near) => {
    const far = connect(Number(port), hostname);
    near.pipe(far).pipe(near);
    sockets.push(near, far);
    for (const socket of [near, far]) socket.on('error', () => {});
  });
  line.listen(0, '127.0.0.1').unref();
  await once(line, 'listening');
  return {
    url: `redis://127.0.0.1:${(line.address() as AddressInfo).port}`,
    cut() {
      for (const socket of sockets) socket.unpipe().resume();
    },
  };
}

function open(url: string, use: RedisUse, answerWithinMs?: number) {
  const log = createLog('worker', { level: 'silent', format: 'json' });
  client = connectRedis({ target: { kind: 'single', url }, log, answerWithinMs }, use);
  return once(client, 'ready');
}

test('a Redis that vanishes without a word is reached again on a new connection: work goes on', async () => {
  const line = await openLine();
  await open(line.url, 'working', 300);
  line.cut();
  expect(await client.ping()).toBe('PONG');
});

test('and who must not wait is told so', async () => {
  const line = await openLine();
  await open(line.url, 'adding', 300);
  line.cut();
  await expect(client.ping()).rejects.toThrow();
  await until(
    () => client.status,
    (status) => status === 'ready',
  );
  expect(await client.ping()).toBe('PONG');
});

test('an answer that Redis is asked to hold back for 10 s is no silence', async () => {
  await open(fleet.redisUrl, 'working');
  expect(client.options).toMatchObject({ socketTimeout: 15_000 });
});
