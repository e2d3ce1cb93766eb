import { expect, test } from '@jest/globals';
import { markRefused, newProgress } from '@pushfleet/shared/domain/batch-progress';
import {
  ACCEPTED,
  CANCELLED,
  EXPIRED,
  FAILED,
  REJECTED,
  RETIRED,
  WAITING,
} from '@pushfleet/shared/domain/outcomes';
import { answersOnly, endingOf, isAllAnswered } from './run-ending.ts';

const NOW = 1_000_000;
const FAR = NOW + 86_400_000;

function progressOf(...bytes: number[]) {
  const progress = newProgress(bytes.length);
  progress.outcomes.set(bytes);
  bytes.forEach((byte, i) => {
    if (byte === FAILED || byte === REJECTED || byte === RETIRED)
      markRefused(progress, i, byte, {
        status: 503,
        reason: i === 0 ? 'InternalServerError' : 'ServiceUnavailable',
        timestamp: null,
        attempts: 8,
        at: NOW,
        deviceToken: null,
      });
  });
  return progress;
}

const waitUntil = (progress: ReturnType<typeof newProgress>, index: number, notBefore: number) =>
  progress.trials.set(index, { attempts: 1, unanswered: 0, notBefore, reason: 'x' });

test('nobody waits and nobody failed: settled', () => {
  expect(endingOf(progressOf(ACCEPTED, RETIRED, CANCELLED), [0, 1, 2], NOW, FAR)).toEqual({
    kind: 'settled',
  });
});

test('failed recipients are told in a sentence, the commonest reason first', () => {
  expect(endingOf(progressOf(FAILED, FAILED, FAILED, ACCEPTED), [0, 1, 2, 3], NOW, FAR)).toEqual({
    kind: 'failed',
    message:
      '3 of 4 recipients failed after 8 attempts: ServiceUnavailable 2, InternalServerError 1; retry sends to these only',
  });
});

test('who had failed before this job was queued is none of its business', () => {
  expect(endingOf(progressOf(FAILED, ACCEPTED), [1], NOW, FAR)).toEqual({ kind: 'settled' });
});

test.each([
  [59_000, { kind: 'later', until: NOW + 59_000 }],
  [61_000, { kind: 'parked' }],
])('a wait of %i ms: %j', (ms, ending) => {
  const progress = progressOf(WAITING, ACCEPTED);
  waitUntil(progress, 0, NOW + ms);
  expect(endingOf(progress, [0, 1], NOW, FAR)).toEqual(ending);
});

test('the wait ends at the deadline', () => {
  const progress = progressOf(WAITING);
  waitUntil(progress, 0, NOW + 500_000);
  expect(endingOf(progress, [0], NOW, NOW + 30_000)).toEqual({ kind: 'later', until: NOW + 30_000 });
});

test('only what APNs said itself is true whoever owns the job', () => {
  expect(isAllAnswered(Uint8Array.of(ACCEPTED, REJECTED, RETIRED))).toBe(true);
  for (const byte of [WAITING, FAILED, CANCELLED, EXPIRED])
    expect(isAllAnswered(Uint8Array.of(6, byte))).toBe(false);
});

test('a run that lost its job tells its answers and none of its own decisions', () => {
  const told = answersOnly(progressOf(FAILED, CANCELLED, EXPIRED, REJECTED, RETIRED, ACCEPTED, WAITING));
  expect([...told.outcomes]).toEqual([0, 0, 0, REJECTED, RETIRED, ACCEPTED, 0]);
  expect([...told.refusals.keys()]).toEqual([3, 4]);
});
