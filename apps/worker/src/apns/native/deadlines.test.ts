import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { Deadlines } from './deadlines.ts';

let passed: string[];
let deadlines: Deadlines<string>;
beforeEach(() => {
  jest.useFakeTimers();
  passed = [];
  deadlines = new Deadlines((request) => passed.push(request));
});
afterEach(() => {
  jest.useRealTimers();
});

test('each passes at its own time, in whatever order they were added', () => {
  deadlines.add('late', 300);
  deadlines.add('early', 100);
  deadlines.add('middle', 200);
  jest.advanceTimersByTime(99);
  expect(passed).toEqual([]);
  jest.advanceTimersByTime(2);
  expect(passed).toEqual(['early']);
  jest.advanceTimersByTime(100);
  expect(passed).toEqual(['early', 'middle']);
  jest.advanceTimersByTime(100);
  expect(passed).toEqual(['early', 'middle', 'late']);
  expect(jest.getTimerCount()).toBe(0);
});

test('what was answered does not pass, and with the last one the timer goes', () => {
  deadlines.add('a', 100);
  deadlines.add('b', 100);
  deadlines.remove('a');
  expect(jest.getTimerCount()).toBe(1);
  deadlines.remove('b');
  expect(jest.getTimerCount()).toBe(0);
  deadlines.add('c', 50);
  jest.advanceTimersByTime(60);
  expect(passed).toEqual(['c']);
});

test('one that passes may remove and add others', () => {
  deadlines = new Deadlines((request) => {
    passed.push(request);
    if (request === 'a') {
      deadlines.remove('b');
      deadlines.add('c', 10);
    }
  });
  deadlines.add('a', 100);
  deadlines.add('b', 100);
  jest.advanceTimersByTime(105);
  expect(passed).toEqual(['a']);
  jest.advanceTimersByTime(10);
  expect(passed).toEqual(['a', 'c']);
});
