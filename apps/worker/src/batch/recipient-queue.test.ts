import { expect, test } from '@jest/globals';
import { newProgress } from '@pushfleet/shared/domain/batch-progress';
import { ACCEPTED } from '@pushfleet/shared/domain/outcomes';
import { RecipientQueue } from './recipient-queue.ts';

const trial = (notBefore: number) => ({ attempts: 1, unanswered: 0, notBefore, reason: 'x' });

function drain(queue: RecipientQueue, now: number): number[] {
  const positions: number[] = [];
  for (let next = queue.next(now); next !== null; next = queue.next(now)) {
    positions.push(next);
    queue.started(next);
  }
  return positions;
}

test('who is due comes in list order; who is settled or must wait does not come', () => {
  const progress = newProgress(6);
  progress.outcomes[1] = ACCEPTED;
  progress.trials.set(3, trial(500));
  progress.trials.set(4, trial(50));
  const queue = new RecipientQueue([0, 1, 3, 4, 5], progress, 100);
  expect(drain(queue, 100)).toEqual([0, 3, 4]);
  expect(queue.inFlight).toBe(3);
  expect(queue.nextDueAt()).toBe(500);
  expect(drain(queue, 499)).toEqual([]);
  expect(drain(queue, 500)).toEqual([2]);
  expect(queue.nextDueAt()).toBe(Number.POSITIVE_INFINITY);
});

test('who is due again at once is queued again; who was settled is not', () => {
  const progress = newProgress(2);
  const queue = new RecipientQueue([0, 1], progress, 0);
  expect(drain(queue, 0)).toEqual([0, 1]);
  progress.outcomes[0] = ACCEPTED;
  queue.ended(0, 0);
  expect(queue.flying()).toEqual([1]);
  queue.ended(1, 0);
  expect(drain(queue, 0)).toEqual([1]);
});

test('nobody is in the line twice, and nobody in flight is queued', () => {
  const progress = newProgress(1);
  const queue = new RecipientQueue([0], progress, 0);
  expect(queue.next(0)).toBe(0);
  queue.started(0);
  progress.trials.set(0, trial(0));
  expect(queue.next(10)).toBeNull();
  queue.ended(0, 10);
  expect([queue.next(10), queue.next(10)]).toEqual([0, 0]); // not started: a denied one is due again
});
