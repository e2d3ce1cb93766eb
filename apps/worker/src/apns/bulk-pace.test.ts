import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { BulkPace } from './bulk-pace.ts';

let busy: number;
let pace: BulkPace;
beforeEach(() => {
  jest.useFakeTimers();
  busy = 0.95;
  pace = new BulkPace(() => busy);
});
afterEach(() => {
  pace.stop();
  jest.useRealTimers();
});

/** Bulk that would start up to 40 requests in each millisecond, and alerts 50 ms apart. @returns starts per ms */
function run(ms: number, alerts: boolean, most = 40): number {
  let started = 0;
  for (let i = 0; i < ms; i++) {
    if (alerts && i % 50 === 0) pace.alertStarted();
    for (let tries = 0; tries < most && pace.mayStart(); tries++) started++;
    jest.advanceTimersByTime(1);
  }
  return started / ms;
}

test('without alerts it holds nothing back, however busy the event loop is', () => {
  expect(run(2_000, false)).toBe(40);
  expect(jest.getTimerCount()).toBe(0);
});

test('an event loop with time to spare is not held back by alerts', () => {
  busy = 0.69;
  expect(run(2_000, true)).toBe(40);
});

test('a busy one slows down step by step while alerts come, to half its pace at most', () => {
  run(200, true);
  const first = run(100, true);
  expect(first).toBeGreaterThan(30);
  expect(first).toBeLessThan(38);
  run(1_000, true);
  const paces = Array.from({ length: 20 }, () => run(100, true));
  for (const one of paces) {
    expect(one).toBeGreaterThan(19);
    expect(one).toBeLessThan(22);
  }
});

test('it starts in bursts of a few milliseconds, not one by one', () => {
  run(2_000, true);
  const each = Array.from({ length: 30 }, () => run(1, false, 1_000));
  expect(each.filter((count) => count === 0).length).toBeGreaterThan(17);
  expect(Math.max(...each)).toBeLessThan(2 * 3 * 40);
});

test('a second after the last alert nothing is held back, and no timer is left', () => {
  run(2_000, true);
  run(1_150, false);
  expect(run(100, false)).toBe(40);
  expect(jest.getTimerCount()).toBe(0);
});

test('it speeds up again when the event loop has time', () => {
  run(2_000, true);
  busy = 0.5;
  run(2_000, true);
  busy = 0.69;
  expect(run(100, true)).toBe(40);
});

test('time to spare while bulk has less to send than it may does not make it faster', () => {
  run(2_000, true);
  busy = 0.1;
  run(2_000, true, 10);
  busy = 0.69;
  expect(run(100, true)).toBeLessThan(26);
});

test('it slows down from what it started, not from what it might have', () => {
  run(2_000, true);
  busy = 0.5;
  run(2_000, true); // may start more than 40 now
  busy = 0.95;
  run(300, true);
  expect(run(100, true)).toBeLessThan(32);
});

test('a look in which bulk has just begun does not tell its pace', () => {
  pace.alertStarted();
  run(190, true, 0);
  run(10, true); // the end of the second look
  run(2_000, true);
  expect(run(100, true)).toBeGreaterThan(19);
});

test('what fills the window at first does not count as its pace', () => {
  run(100, true, 60);
  run(2_000, true, 40);
  expect(run(100, true)).toBeLessThan(22);
});

test('a few bulk requests beside a busy event loop are not held back, nor is the campaign after them', () => {
  for (let i = 0; i < 20; i++) {
    pace.mayStart();
    run(100, true, 0);
  }
  expect(run(100, true)).toBeGreaterThan(39);
  run(2_000, true);
  expect(run(100, true)).toBeGreaterThan(19);
});

test('the pace is told anew each half minute: a limit may have been lifted, the event loop as busy as before', () => {
  run(2_000, true, 5);
  run(25_000, true);
  expect(run(100, true)).toBeLessThan(6);
  run(5_000, true);
  expect(run(100, true)).toBeGreaterThan(19);
});

test('what an event loop that stands still for 15 ms keeps bulk from starting is made up for', () => {
  run(2_000, true);
  const startedIn = Array.from({ length: 40 }, (_, i) => {
    if (i % 5 === 0) pace.alertStarted();
    jest.advanceTimersByTime(15);
    let started = 0;
    while (started < 10_000 && pace.mayStart()) started++;
    return started;
  });
  const perMs = startedIn.reduce((sum, count) => sum + count, 0) / (40 * 15);
  expect(perMs).toBeGreaterThan(19);
});

test('what was given back may start instead', () => {
  run(2_000, true);
  while (pace.mayStart());
  pace.gaveBack();
  expect([pace.mayStart(), pace.mayStart()]).toEqual([true, false]);
});

test('what was given back does not count as its pace', () => {
  for (let i = 0; i < 250; i++) {
    if (i % 50 === 0) pace.alertStarted();
    run(1, false);
    for (let back = 0; back < 20; back++) pace.gaveBack();
  }
  run(2_000, true);
  expect(run(100, true)).toBeLessThan(12);
});

test('one alert alone holds nothing back', () => {
  for (let i = 0; i < 5; i++) {
    pace.alertStarted();
    expect(run(1_100, false)).toBe(40);
  }
  expect(jest.getTimerCount()).toBe(0);
});
