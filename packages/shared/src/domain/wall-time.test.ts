import { expect, test } from '@jest/globals';
import {
  dueHorizon,
  dueInstant,
  latestInstant,
  startOfDay,
  utcDateTime,
  utcInstant,
  wallTime,
} from './wall-time.ts';

const at = (text: string) => Date.parse(text);

test.each([
  ['a summer evening in Tokyo', 'Asia/Tokyo', '2026-07-01 20:15:00', '2026-07-01T11:15:00Z'],
  ['a winter day in Berlin', 'Europe/Berlin', '2026-01-10 09:00:00.500', '2026-01-10T08:00:00.500Z'],
  [
    'autumn in Berlin, the hour that comes twice',
    'Europe/Berlin',
    '2026-10-25 02:30:00',
    '2026-10-25T00:30:00Z',
  ],
  ['autumn in Berlin, just before it', 'Europe/Berlin', '2026-10-25 01:59:59', '2026-10-24T23:59:59Z'],
  ['autumn in Berlin, just after it', 'Europe/Berlin', '2026-10-25 03:00:00', '2026-10-25T02:00:00Z'],
  [
    'spring in Berlin, the hour that never comes',
    'Europe/Berlin',
    '2026-03-29 02:30:00',
    '2026-03-29T01:00:00Z',
  ],
  ['spring in Berlin, after it', 'Europe/Berlin', '2026-03-29 03:00:00', '2026-03-29T01:00:00Z'],
  ['half an hour on Lord Howe', 'Australia/Lord_Howe', '2026-04-05 01:45:00', '2026-04-04T14:45:00Z'],
  ['midnight that never comes in Cairo', 'Africa/Cairo', '2026-04-24 00:00:00', '2026-04-23T22:00:00Z'],
])('%s is due at its instant', (_, zone, wall, instant) => {
  expect(new Date(dueInstant(wall, zone)!).toISOString()).toBe(new Date(instant).toISOString());
});

test.each([
  ['a plain day', 'Europe/Berlin', '2026-05-01T10:00:00Z', '2026-05-01 12:00:00.000'],
  [
    'a minute after the clocks were set back',
    'Europe/Berlin',
    '2026-10-25T01:01:00Z',
    '2026-10-25 02:59:59.999',
  ],
  [
    'the second pass has overtaken the first',
    'Europe/Berlin',
    '2026-10-25T02:00:00Z',
    '2026-10-25 03:00:00.000',
  ],
  ['the clocks have just jumped forward', 'Europe/Berlin', '2026-03-29T01:00:00Z', '2026-03-29 03:00:00.000'],
  ['Tokyo has no summer time', 'Asia/Tokyo', '2026-10-24T17:00:00Z', '2026-10-25 02:00:00.000'],
])('due horizon: %s', (_, zone, now, horizon) => {
  expect(dueHorizon(at(now), zone)).toBe(horizon);
});

test('every minute of the nights the clocks change, horizon and instant agree', () => {
  for (const [zone, from] of [
    ['Europe/Berlin', '2026-10-24T22:00:00Z'],
    ['Europe/Berlin', '2026-03-28T22:00:00Z'],
    ['Australia/Lord_Howe', '2026-04-04T12:00:00Z'],
    ['America/New_York', '2026-11-01T03:00:00Z'],
  ] as const) {
    for (let minute = 0; minute < 8 * 60; minute++) {
      const now = at(from) + minute * 60_000;
      const written = wallTime(now, zone).slice(0, 19);
      // A row written now for now is due now, whatever the clocks do.
      expect(dueInstant(written, zone)).toBeLessThanOrEqual(now);
      expect(dueHorizon(now, zone).slice(0, 19) >= written).toBe(true);
      const later = wallTime(now + 60_000, zone);
      const dueLater = dueInstant(later, zone)!;
      expect(later.slice(0, 19) <= dueHorizon(now, zone).slice(0, 19)).toBe(dueLater <= now);
    }
  }
});

test('the later occurrence counts where a device registered in the hour that comes twice', () => {
  expect(latestInstant('2026-10-25 02:30:00', 'Europe/Berlin')).toBe(at('2026-10-25T01:30:00Z'));
  expect(latestInstant('2026-10-25 12:00:00', 'Europe/Berlin')).toBe(at('2026-10-25T11:00:00Z'));
});

test('the day begins at 01:00 where midnight does not exist', () => {
  expect(startOfDay(at('2026-04-24T10:00:00Z'), 'Africa/Cairo')).toBe(at('2026-04-23T22:00:00Z'));
});

test('what is no time is null', () => {
  expect(dueInstant('0000-00-00 00:00:00', 'UTC')).toBeNull();
});

test('our own columns are UTC', () => {
  expect(utcInstant(utcDateTime(1_700_000_000_123))).toBe(1_700_000_000_123);
});

test.each([
  [Number.MAX_SAFE_INTEGER, '9999-12-31 23:59:59.999'],
  [-1, '1970-01-01 00:00:00.000'],
])('an instant that no DATETIME holds (%d) is cut to one that does', (instant, text) => {
  expect(utcDateTime(instant)).toBe(text);
});
