import { expect, test } from '@jest/globals';
import { Pace } from './pace.ts';

const counts = (a: number) => new Map([['a', a]]);

test('answers per second, over some seconds: a worker that counts aloud late makes no hole and no peak', () => {
  const pace = new Pace();
  for (const [at, answered] of [
    [0, 0],
    [2_000, 400],
    [4_000, 400], // not heard of since
    [6_000, 1_200],
    [8_000, 1_600],
  ] as const)
    pace.add(at, counts(answered));
  expect(pace.points.map(([, rate]) => rate)).toEqual([200, 100, 200, 200]);
  expect(pace.points.at(-1)![0]).toBe(8);
});

test('it falls to 0 when nothing is answered any more', () => {
  const pace = new Pace();
  for (let at = 0; at <= 12_000; at += 2_000) pace.add(at, counts(at < 4_000 ? at : 4_000));
  expect(pace.points.at(-1)![1]).toBe(0);
});

test('a look right after another adds nothing', () => {
  const pace = new Pace();
  pace.add(0, counts(0));
  pace.add(2_000, counts(400));
  pace.add(2_100, counts(400));
  expect(pace.points).toEqual([[2, 200]]);
});

test('a worker that comes or begins anew counts from what it said first, and never below 0', () => {
  const pace = new Pace();
  pace.add(0, counts(1_000));
  pace.add(2_000, new Map([['b', 5_000]]));
  pace.add(
    4_000,
    new Map([
      ['a', 10],
      ['b', 5_200],
    ]),
  );
  expect(pace.points.map(([, rate]) => rate)).toEqual([0, 50]);
});
