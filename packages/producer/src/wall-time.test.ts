import { expect, test } from '@jest/globals';
import { dueSecond, instantOf, wallTime } from './wall-time.ts';

const at = (iso: string) => Date.parse(iso);

test.each([
  ['2030-01-01T00:00:00Z', 'Asia/Tokyo', '2030-01-01 09:00:00'],
  ['2030-07-01T00:00:00Z', 'Europe/Berlin', '2030-07-01 02:00:00'],
  ['2030-01-01T00:00:00Z', 'UTC', '2030-01-01 00:00:00'],
  ['2030-01-01T05:00:00Z', 'America/New_York', '2030-01-01 00:00:00'],
])('%s in %s is %s, and back', (iso, zone, wall) => {
  expect(wallTime(at(iso), zone)).toBe(wall);
  expect(instantOf(wall, zone)).toBe(at(iso));
});

test('a wall time that happens twice means the first occurrence', () => {
  // Berlin, 2026-10-25: 02:30 is shown at 00:30 UTC and again at 01:30 UTC.
  expect(instantOf('2026-10-25 02:30:00', 'Europe/Berlin')).toBe(at('2026-10-25T00:30:00Z'));
});

test('what is no time has no instant', () => {
  expect(instantOf('0000-00-00 00:00:00', 'UTC')).toBeNull();
});

test.each([
  ['a past time is due at once', 1_500, 10_000, 1_000],
  ['now is due at once', 10_400, 10_400, 10_000],
  ['a future time is never early', 20_001, 10_000, 21_000],
  ['a whole second stays', 20_000, 10_000, 20_000],
])('%s', (_, given, now, due) => {
  expect(dueSecond(given, now)).toBe(due);
});
