import { expect, test } from '@jest/globals';
import { acceptedWithinS, firstAcceptedMs, firstAcceptedOf, spanText } from './latency.ts';

const at = (ms: number | null) => ({
  dueAt: new Date(1_000_000).toISOString(),
  firstAcceptedAt: ms === null ? null : new Date(1_000_000 + ms).toISOString(),
});

test('from due to the first accepted: a clock that is ahead makes it 0, never less', () => {
  expect(firstAcceptedMs(at(300))).toBe(300);
  expect(firstAcceptedMs(at(-5))).toBe(0);
  expect(firstAcceptedMs(at(null))).toBeNull();
});

test('half of the notifications and the slowest', () => {
  expect(firstAcceptedOf([at(900), at(100), at(null), at(200), at(300)])).toEqual({
    count: 4,
    p50Ms: 200,
    maxMs: 900,
  });
  expect(firstAcceptedOf([at(null)])).toBeNull();
});

test('recipients accepted within a time, over all workers', () => {
  const few = { dueToAccepted: [1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0] };
  const slow = { dueToAccepted: [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2] };
  expect(acceptedWithinS([few], 0.5)).toBe(0.25);
  expect(acceptedWithinS([few, slow], 0.5)).toBe(0.5);
  expect(acceptedWithinS([few, slow], 0.95)).toBe(Number.POSITIVE_INFINITY);
  expect(acceptedWithinS([], 0.5)).toBeNull();
});

test('spans are short', () => {
  expect([0, 250, 42_000, 720_000, 9_000_000].map(spanText)).toEqual([
    '0.0 s',
    '0.3 s',
    '42 s',
    '12 min',
    '3 h',
  ]);
});
