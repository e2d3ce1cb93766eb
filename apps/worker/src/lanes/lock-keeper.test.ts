import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { LockKeeper } from './lock-keeper.ts';
import { RunHold } from './run-hold.ts';

let hold: RunHold;
let renewals: string[][];
let answer: () => Promise<unknown>;
let keeper: LockKeeper;

beforeEach(() => {
  jest.useFakeTimers();
  hold = new RunHold(Date.now());
  renewals = [];
  answer = async () => hold.renewed(performance.now(), Date.now());
  keeper = new LockKeeper(
    () => [{ jobId: 'b-1-1-1', lockToken: 't', hold }],
    (...asked) => {
      renewals.push(asked.flat());
      return answer();
    },
  );
});

afterEach(() => {
  keeper.stop();
  jest.useRealTimers();
});

test('as long as BullMQ renews the locks nothing is done', async () => {
  for (let i = 0; i < 10; i++) {
    await jest.advanceTimersByTimeAsync(3_000);
    hold.renewed(performance.now(), Date.now());
  }
  expect(renewals).toEqual([]);
});

test('the clock steps back by an hour, and BullMQ renews nothing: locks never get as old as 4 s', async () => {
  jest.setSystemTime(Date.now() - 3_600_000);
  for (let i = 0; i < 200; i++) {
    await jest.advanceTimersByTimeAsync(100);
    expect(hold.lockAgeMs()).toBeLessThan(4_000);
  }
  expect(renewals.length).toBeLessThanOrEqual(7);
  expect(renewals[0]).toEqual(['b-1-1-1', 't']);
});

test('while Redis is away one renewal waits for it', async () => {
  answer = () => new Promise(() => {});
  await jest.advanceTimersByTimeAsync(10_000);
  expect(renewals).toHaveLength(1);
});

test('a run that has lost its job is left alone', async () => {
  hold.halt('lost');
  await jest.advanceTimersByTimeAsync(10_000);
  expect(renewals).toEqual([]);
});
