import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { Deadlines, type WithDeadline } from './deadlines.ts';

type Request = WithDeadline & { readonly name: string };

let passed: string[];
let open: Set<Request>;
let deadlines: Deadlines<Request>;
beforeEach(() => {
  jest.useFakeTimers();
  passed = [];
  open = new Set();
  deadlines = new Deadlines(() => [...open], pass);
});
afterEach(() => {
  jest.useRealTimers();
});

function pass(request: Request): void {
  passed.push(request.name);
  open.delete(request);
}

function add(name: string, timeoutMs: number): Request {
  const request = { name, deadline: 0 };
  open.add(request);
  deadlines.add(request, timeoutMs);
  return request;
}

test('each passes at its own time, in whatever order they were added', () => {
  add('late', 300);
  add('early', 100);
  add('middle', 200);
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

test('what was answered does not pass, and then nothing is waited for', () => {
  for (const name of ['a', 'b']) open.delete(add(name, 100));
  expect(jest.getTimerCount()).toBe(1);
  jest.advanceTimersByTime(101);
  expect(passed).toEqual([]);
  expect(jest.getTimerCount()).toBe(0);
  add('c', 50);
  jest.advanceTimersByTime(60);
  expect(passed).toEqual(['c']);
});

test('one that passes may end and begin others', () => {
  deadlines = new Deadlines(
    () => open,
    (request) => {
      pass(request);
      if (request.name !== 'a') return;
      open.delete(b);
      add('c', 10);
    },
  );
  add('a', 100);
  const b = add('b', 100);
  jest.advanceTimersByTime(105);
  expect(passed).toEqual(['a']);
  jest.advanceTimersByTime(10);
  expect(passed).toEqual(['a', 'c']);
});

test('after clear no timer is left', () => {
  add('a', 100);
  deadlines.clear();
  expect(jest.getTimerCount()).toBe(0);
});
