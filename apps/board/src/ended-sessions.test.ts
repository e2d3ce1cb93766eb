import { expect, test } from '@jest/globals';
import { EndedSessions } from './ended-sessions.ts';

const DAY = 86_400_000;

test('a session that was logged out is over, another of the same moment is not', () => {
  const ended = new EndedSessions();
  ended.end({ id: 'one', enteredAt: 5 }, 10);
  expect(ended.has({ id: 'one', enteredAt: 5 })).toBe(true);
  expect(ended.has({ id: 'other', enteredAt: 5 })).toBe(false);
});

test('it is remembered until it would be over anyway', () => {
  const ended = new EndedSessions(2);
  ended.end({ id: 'one', enteredAt: 0 }, 0);
  ended.end({ id: 'two', enteredAt: DAY }, 30 * DAY - 1);
  expect(ended.has({ id: 'one', enteredAt: 0 })).toBe(true);
  ended.end({ id: 'three', enteredAt: 2 * DAY }, 30 * DAY);
  expect(ended.has({ id: 'one', enteredAt: 0 })).toBe(false);
  expect(ended.has({ id: 'two', enteredAt: DAY })).toBe(true);
});

test('where there are too many, all sessions up to the latest of them are over: none is let in again', () => {
  const ended = new EndedSessions(3);
  for (let i = 1; i <= 4; i++) ended.end({ id: `${i}`, enteredAt: i }, 10);
  for (let i = 1; i <= 4; i++) expect(ended.has({ id: `${i}`, enteredAt: i })).toBe(true);
  expect(ended.has({ id: 'another', enteredAt: 3 })).toBe(true);
  expect(ended.has({ id: 'later', enteredAt: 5 })).toBe(false);
});
