import { expect, test } from '@jest/globals';
import { ReconnectBackoff } from './reconnect-backoff.ts';

const longest = () => 1;
const failed = { settingsSeen: false, accepted: 0, livedMs: 20 };
const proven = { settingsSeen: true, accepted: 50_000, livedMs: 3_600_000 };

test('failed connects wait 1 s, doubling to 60 s', () => {
  const backoff = new ReconnectBackoff(longest);
  const waits = Array.from({ length: 9 }, () => backoff.afterEnd(failed));
  expect(waits).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000, 60_000]);
});

test('the wait is spread over its upper half', () => {
  expect(new ReconnectBackoff(() => 0).afterEnd(failed)).toBe(500);
});

test('after a connection that worked, the next one comes within a quarter of a second', () => {
  const backoff = new ReconnectBackoff(longest);
  for (let round = 0; round < 5; round++) backoff.afterEnd(failed);
  expect(backoff.afterEnd(proven)).toBe(250);
  expect(backoff.afterEnd(failed)).toBe(1_000);
});

test('SETTINGS alone, from a server that hangs up at once, reset nothing', () => {
  const backoff = new ReconnectBackoff(longest);
  const hungUp = { settingsSeen: true, accepted: 0, livedMs: 30 };
  expect([backoff.afterEnd(hungUp), backoff.afterEnd(hungUp), backoff.afterEnd(hungUp)]).toEqual([
    1_000, 2_000, 4_000,
  ]);
});

test('an idle connection that lived is no failure', () => {
  const backoff = new ReconnectBackoff(longest);
  expect(backoff.afterEnd({ settingsSeen: true, accepted: 0, livedMs: 60_000 })).toBe(250);
});

test('a server that accepts one push and leaves, again and again, is not hammered', () => {
  const backoff = new ReconnectBackoff(longest);
  const flapping = { settingsSeen: true, accepted: 1, livedMs: 100 };
  const waits = Array.from({ length: 6 }, () => backoff.afterEnd(flapping));
  expect(waits).toEqual([250, 250, 250, 1_000, 2_000, 4_000]);
  expect(backoff.afterEnd(proven)).toBe(250);
});

test('a server that accepts many pushes and leaves, again and again, is followed once a second', () => {
  const backoff = new ReconnectBackoff(longest);
  const storm = { settingsSeen: true, accepted: 40, livedMs: 100 };
  const waits = Array.from({ length: 6 }, () => backoff.afterEnd(storm));
  expect(waits).toEqual([250, 250, 250, 1_000, 1_000, 1_000]);
});
