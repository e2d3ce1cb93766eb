import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import type { Checkpoint } from '@pushfleet/shared/queue/checkpoint';
import { CheckpointWriter } from './checkpoint-writer.ts';

const checkpoint = (progress: string) => ({ progress }) as Checkpoint;

test('what comes while a write is under way goes with the next one, and each gets its own answer', async () => {
  const groups: string[][] = [];
  const writer = new CheckpointWriter(async (list) => {
    groups.push(list.map(({ progress }) => progress));
    await sleep(10);
    return list.map(({ progress }) => progress !== 'lost');
  });
  const first = writer.checkpoint(checkpoint('a'));
  await sleep(5);
  const later = [writer.checkpoint(checkpoint('lost')), writer.checkpoint(checkpoint('b'))];
  expect(await Promise.all([first, ...later])).toEqual([true, false, true]);
  expect(groups).toEqual([['a'], ['lost', 'b']]);
});

test('a refused write rejects those who were in it, and the next one is tried', async () => {
  let calls = 0;
  const writer = new CheckpointWriter(async (list) => {
    if (++calls === 1) throw new Error('READONLY');
    return list.map(() => true);
  });
  await expect(writer.checkpoint(checkpoint('a'))).rejects.toThrow('READONLY');
  expect(await writer.checkpoint(checkpoint('a'))).toBe(true);
});
