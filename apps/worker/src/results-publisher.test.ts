import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import type { BatchResult } from '@pushfleet/shared/domain/batch-job';
import { pino } from 'pino';
import { ResultsPublisher } from './results-publisher.ts';

const result = (seq: number) => ({ seq }) as BatchResult;
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
