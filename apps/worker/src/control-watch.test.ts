import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import type { ControlCopy } from '@pushfleet/shared/queue/control-copy';
import { pino } from 'pino';
import { causesOf } from './control-verdict.ts';
import { ControlWatch } from './control-watch.ts';

const identity = { app: 'a', topic: 'com.example.app', environment: 'production' as const };
const copy: ControlCopy = {
  fleet: 'f',
  epoch: 1,
  phase: 'ok',
  paused: false,
  ratePerSecond: null,
  topic: 'com.example.app',
  environment: 'production',
  cancelled: [7],
};

let read: () => Promise<ControlCopy | null>;
let server: string | null;
let knowsServer: boolean;
let watch: ControlWatch;
let told: (ControlCopy | null)[];

beforeEach(() => {
  jest.useFakeTimers();
  read = async () => copy;
  server = 'first';
  knowsServer = false;
  told = [];
  watch = new ControlWatch({
    read: () => read(),
    readServer: async () => server,
    onServer: (isKnown) => {
      knowsServer = isKnown;
    },
    log: pino({ level: 'silent' }),
  });
  watch.onChange((seen) => told.push(seen));
});

afterEach(() => {
  watch.stop();
  jest.useRealTimers();
});

test('a change is told once, and a cancelled dispatch is known', async () => {
  watch.start();
  await jest.advanceTimersByTimeAsync(1_000);
  expect([told, watch.isCancelled(7), watch.isCancelled(8)]).toEqual([[copy], true, false]);
  read = async () => ({ ...copy, paused: true, cancelled: [] });
  await jest.advanceTimersByTimeAsync(300);
  expect([told.length, watch.isCancelled(7)]).toEqual([2, false]);
});

test('a missing copy is told at once, an unreadable one after two seconds', async () => {
  watch.start();
  await jest.advanceTimersByTimeAsync(250);
  read = async () => {
    throw new Error('away');
  };
  await jest.advanceTimersByTimeAsync(1_500);
  expect(watch.current()).toEqual(copy);
  await jest.advanceTimersByTimeAsync(1_000);
  expect([watch.current(), told.at(-1)]).toEqual([null, null]);
  read = async () => copy;
  await jest.advanceTimersByTimeAsync(250);
  expect(told.at(-1)).toEqual(copy);
  read = async () => null;
  await jest.advanceTimersByTimeAsync(250);
  expect(told.at(-1)).toBeNull();
});

test('a reading that hangs does not hide that the copy has gone stale', async () => {
  watch.start();
  await jest.advanceTimersByTimeAsync(10);
  read = () => new Promise(() => {});
  await jest.advanceTimersByTimeAsync(3_000);
  expect(told).toEqual([copy, null]);
});

test.each([
  [null, ['noControl']],
  [copy, []],
  [{ ...copy, paused: true }, ['paused']],
  [{ ...copy, phase: 'recovering' as const, paused: true }, ['recovering', 'paused']],
  [{ ...copy, environment: 'sandbox' as const }, ['mismatch']],
  [{ ...copy, topic: 'com.example.other' }, ['mismatch']],
])('copy %# speaks against sending by %j', (seen, causes) => {
  expect([...causesOf(seen, identity)]).toEqual(causes);
});

test('F19: a Redis that was started again is known once a producer has looked through it, or after 10 s', async () => {
  read = async () => ({ ...copy, server: 'first' });
  watch.start();
  await jest.advanceTimersByTimeAsync(300);
  expect(knowsServer).toBe(true);
  watch.forgetServer();
  server = 'second';
  await jest.advanceTimersByTimeAsync(5_000);
  expect(knowsServer).toBe(false);
  read = async () => ({ ...copy, server: 'second' });
  await jest.advanceTimersByTimeAsync(300);
  expect(knowsServer).toBe(true);
  watch.forgetServer();
  server = 'third';
  await jest.advanceTimersByTimeAsync(9_900);
  expect(knowsServer).toBe(false);
  await jest.advanceTimersByTimeAsync(600);
  expect(knowsServer).toBe(true);
});

test('F19: a Cluster and the copy of an older producer tell no server', async () => {
  watch.start();
  await jest.advanceTimersByTimeAsync(300);
  expect(knowsServer).toBe(true);
  watch.forgetServer();
  server = null;
  read = async () => ({ ...copy, server: null });
  await jest.advanceTimersByTimeAsync(300);
  expect(knowsServer).toBe(true);
});
