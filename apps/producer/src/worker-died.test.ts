import { expect, test } from '@jest/globals';
import { markAccepted, mergeProgress, newProgress } from '@pushfleet/shared/domain/batch-progress';
import { ACCEPTED, FAILED, WAITING } from '@pushfleet/shared/domain/outcomes';
import { countRound } from './worker-died.ts';

test('who waits is tried again ten times, at growing intervals, then given up; nobody else is touched', () => {
  let known = newProgress(3);
  markAccepted(known, 1, 5);
  known.trials.set(2, { attempts: 3, unanswered: 1, notBefore: 90_000, reason: '503 Shutdown' });
  const pauses: number[] = [];
  for (let round = 1, now = 1_000; round <= 10; round++) {
    const told = mergeProgress(known, known);
    countRound(told, now);
    // As MySQL records it: what is told of who waits must win over what was known.
    known = mergeProgress(known, told);
    expect(known.trials.get(0)).toMatchObject({ attempts: 0, reason: `WorkerDied ${round}` });
    expect(known.trials.get(2)).toMatchObject({ attempts: 3, unanswered: 1, reason: `WorkerDied ${round}` });
    pauses.push(known.trials.get(0)!.notBefore - now);
    now = known.trials.get(0)!.notBefore;
  }
  expect(pauses).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000, 60_000, 60_000]);
  expect([...known.outcomes]).toEqual([WAITING, ACCEPTED, WAITING]);
  countRound(known, 500_000);
  expect([...known.outcomes]).toEqual([FAILED, ACCEPTED, FAILED]);
  expect(known.refusals.get(2)).toMatchObject({ status: 0, reason: 'WorkerDied', attempts: 3, at: 500_000 });
  expect(known.trials.size).toBe(0);
});
