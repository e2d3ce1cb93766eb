import { expect, test } from '@jest/globals';
import { nextDelayMs, unansweredDelayMs } from './retry-schedule.ts';

const policy = { maxAttempts: 4, delaysMs: [1000, 5000] };

test.each([
  [1, undefined, 1000],
  [2, undefined, 5000],
  [3, undefined, 5000],
  [1, 90_000, 90_000],
  [3, 10, 10],
])('after %i attempts with Retry-After %s the wait is at least %i ms', (attempts, retryAfter, least) => {
  expect(nextDelayMs(policy, attempts, retryAfter, 0)).toBe(least);
  expect(nextDelayMs(policy, attempts, retryAfter, 0.999)).toBeGreaterThanOrEqual(least);
  expect(nextDelayMs(policy, attempts, retryAfter, 0.999)).toBeLessThanOrEqual(least * 1.2);
});

test('the last attempt is the last, also when APNs asks to come back', () => {
  expect(nextDelayMs(policy, 4, 1000, 0)).toBeNull();
});

test('a lost answer is asked for again at once, then ever more rarely', () => {
  expect([1, 2, 3, 4, 99].map(unansweredDelayMs)).toEqual([0, 1000, 5000, 30_000, 30_000]);
});
