import { EventEmitter } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import { startLoop } from '@pushfleet/shared/platform/loop';
import { pino } from 'pino';
import { producerHealth } from './producer-health.ts';

type Sources = Parameters<typeof producerHealth>[0];

const PATIENCE_MS = 60;
const log = pino({ level: 'silent' });

function redis(status: string) {
  return Object.assign(new EventEmitter(), { status });
}

function health(parts: Partial<Sources>) {
  const all = {
    redis: redis('ready') as never,
    loops: [],
    stuck: () => null,
    metrics: async () => '',
    ...parts,
  };
  return producerHealth(all, PATIENCE_MS);
}

test('a loop that fails for too long is told with its name, and forgotten with its first success', async () => {
  let fails = true;
  const loop = startLoop({
    name: 'claim',
    intervalMs: 1,
    step: async () => {
      if (fails) throw new Error('connection refused');
    },
    log,
  });
  const { live } = health({ loops: [loop] });
  expect(live()).toBeNull();
  await sleep(100);
  expect(live()).toMatch(/^the loop "claim" has failed for 0 s$/);
  fails = false;
  loop.wake();
  await sleep(20);
  expect(live()).toBeNull();
  await loop.stop(0);
});

test('Redis may be away for a while, not for ever; ready says so at once', async () => {
  const connection = redis('ready');
  const { live, ready } = health({ redis: connection as never });
  Object.assign(connection, { status: 'reconnecting' });
  connection.emit('close');
  expect([live(), ready()]).toEqual([null, 'Redis cannot be reached']);
  await sleep(PATIENCE_MS + 10);
  connection.emit('close'); // each attempt that fails says so again
  expect(live()).toMatch(/^Redis could not be reached for/);
  Object.assign(connection, { status: 'ready' });
  connection.emit('ready');
  expect([live(), ready()]).toEqual([null, null]);
});

test('results that nobody records are a reason, too', () => {
  expect(health({ stuck: () => 'a result of shop waits for 70 s to be recorded' }).live()).toMatch(/waits/);
});
