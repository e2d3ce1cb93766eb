import { expect, test } from '@jest/globals';
import { sessionAge } from './session-age.ts';

const DAY = 86_400_000;

test('a session is renewed once a minute at most, and is over thirty days after the login', () => {
  expect(sessionAge({ enteredAt: 0, renewedAt: 0 }, 59_999)).toBe('fresh');
  expect(sessionAge({ enteredAt: 0, renewedAt: 0 }, 60_000)).toBe('to be renewed');
  expect(sessionAge({ enteredAt: 0, renewedAt: 30 * DAY - 1 }, 30 * DAY - 1)).toBe('fresh');
  expect(sessionAge({ enteredAt: 0, renewedAt: 30 * DAY }, 30 * DAY)).toBe('over');
});
