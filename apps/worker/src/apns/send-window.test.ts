import { expect, test } from '@jest/globals';
import { mayStart, urgentReserve, windowSize } from './send-window.ts';

const facts = { warm: true, streamLimit: 1000, maxInFlight: 1000, learnedLimit: Number.POSITIVE_INFINITY };

test.each([
  ['the server decides', { streamLimit: 100 }, 100],
  ['we decide', { maxInFlight: 50 }, 50],
  ['refused streams decide', { learnedLimit: 7 }, 7],
  ['not warm: one probe', { warm: false }, 1],
  ['not warm, and the server allows none', { warm: false, streamLimit: 0 }, 0],
  ['the server allows one', { streamLimit: 1 }, 1],
])('%s', (_, change, size) => {
  expect(windowSize({ ...facts, ...change })).toBe(size);
});

test.each([
  [0, 0],
  [1, 0],
  [2, 1],
  [10, 1],
  [50, 5],
  [100, 8],
  [1000, 8],
])('of a window of %i, %i slots are kept for urgent', (window, reserve) => {
  expect(urgentReserve(window)).toBe(reserve);
});

test.each([
  ['bulk', 44, true],
  ['bulk', 45, false],
  ['urgent', 45, true],
  ['urgent', 49, true],
  ['urgent', 50, false],
] as const)('%s with %i of 50 slots taken: %s', (lane, taken, allowed) => {
  expect(mayStart(lane, taken, 50)).toBe(allowed);
});

test('a window of one serves bulk too', () => {
  expect(mayStart('bulk', 0, 1)).toBe(true);
});
