import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import type { BatchResult } from '@pushfleet/shared/domain/batch-job';
import { pino } from 'pino';
import { ResultsPublisher } from './results-publisher.ts';

const result = (seq: number) => ({ seq, progress: '' }) as BatchResult;
const log = pino({ level: 'silent' });

test('results that come together are added together, under different ids', async () => {
  const groups: { seq: number; unique: string }[][] = [];
  const publisher = new ResultsPublisher({
    worker: 'w',
    log,
    add: async (results) => {
      groups.push(results.map(({ result: { seq }, unique }) => ({ seq, unique })));
      await sleep(5);
    },
  });
  expect(await Promise.all([1, 2, 3].map((seq) => publisher.publish(result(seq), () => true)))).toEqual([
    true,
    true,
    true,
  ]);
  await publisher.publish(result(1), () => true);
  expect(groups.map((group) => group.map(({ seq }) => seq))).toEqual([[1, 2, 3], [1]]);
  expect(new Set(groups.flat().map(({ unique }) => unique)).size).toBe(4);
});

test('an add that fails is repeated under the same id; whose run has lost its job is dropped', async () => {
  const added: string[][] = [];
  let failures = 1;
  const publisher = new ResultsPublisher({
    worker: 'w',
    log,
    add: async (results) => {
      added.push(results.map(({ unique }) => unique));
      if (failures-- > 0) throw new Error('OOM command not allowed');
    },
  });
  const kept = publisher.publish(result(1), () => true);
  const dropped = publisher.publish(result(2), () => failures > 0);
  expect(await Promise.all([kept, dropped])).toEqual([true, false]);
  expect(added).toEqual([['w-1', 'w-2'], ['w-1']]);
});

const told = (dispatch: number, progress: string, ended = true) =>
  ({ dispatch, seq: 1, progress, ended }) as BatchResult;

test('F9: tells the last result of each batch again, the latest first, under new ids; the oldest are forgotten', async () => {
  const added: { progress: string; unique: string }[] = [];
  const publisher = new ResultsPublisher({
    worker: 'w',
    log,
    rememberedCharacters: 700,
    add: async (results) => {
      added.push(...results.map(({ result: { progress }, unique }) => ({ progress, unique })));
    },
  });
  for (const one of [told(1, 'old'), told(2, 'half', false), told(3, 'b'), told(2, 'whole'), told(4, 'c')])
    await publisher.publish(one, () => true);
  added.length = 0;
  expect(await publisher.tellAgain()).toBe(3);
  expect(added.map(({ progress }) => progress)).toEqual(['c', 'whole', 'b']);
  expect(added.map(({ unique }) => unique)).toEqual(['w-6', 'w-7', 'w-8']);
});

test('F9: answers that Redis was not there to take are told when it is back; that their batch ended is not', async () => {
  let isThere = false;
  const added: string[] = [];
  const publisher = new ResultsPublisher({
    worker: 'w',
    log,
    add: async (results) => {
      if (!isThere) throw new Error('connection is closed');
      added.push(...results.map(({ result }) => result.progress));
    },
  });
  await publisher.publish(told(1, 'answers', false), () => false);
  await publisher.publish(told(2, 'ended', true), () => false);
  isThere = true;
  expect(await publisher.tellAgain()).toBe(1);
  expect(added).toEqual(['answers']);
});
