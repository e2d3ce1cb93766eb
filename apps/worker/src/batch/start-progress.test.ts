import { expect, test } from '@jest/globals';
import { encodeProgress, markAccepted, newProgress } from '@pushfleet/shared/domain/batch-progress';
import { ACCEPTED, FAILED, WAITING } from '@pushfleet/shared/domain/outcomes';
import type { OpenBatch } from './open-batch.ts';
import { startProgress } from './start-progress.ts';

function batchOf(...bytes: number[]): OpenBatch {
  const known = newProgress(bytes.length);
  known.outcomes.set(bytes);
  const indexes = bytes.flatMap((byte, i) => (byte === WAITING ? [i] : []));
  return { known, indexes, job: { size: bytes.length } } as unknown as OpenBatch;
}

function checkpoint(...bytes: number[]): string {
  const progress = newProgress(bytes.length);
  progress.outcomes.set(bytes);
  return encodeProgress(progress);
}

test('a run begins with what the job and its checkpoint know together', () => {
  const { progress } = startProgress(
    batchOf(ACCEPTED, WAITING, WAITING),
    checkpoint(WAITING, ACCEPTED, WAITING),
    0,
  );
  expect([...progress.outcomes]).toEqual([ACCEPTED, ACCEPTED, WAITING]);
});

test('what a run learns does not change what the job holds', () => {
  const batch = batchOf(WAITING);
  markAccepted(startProgress(batch, null, 0).progress, 0, 1);
  expect(batch.known.outcomes[0]).toBe(WAITING);
});

test('a person retried a failed job: its failed recipients wait again, those without a device token do not', () => {
  const { progress, reopened } = startProgress(
    batchOf(FAILED, WAITING, WAITING),
    checkpoint(FAILED, FAILED, ACCEPTED),
    1,
  );
  expect([...progress.outcomes]).toEqual([FAILED, WAITING, ACCEPTED]);
  expect(reopened).toBe(1);
});

test('a job whose worker died at its end is not taken for a retry', () => {
  const { progress, reopened } = startProgress(batchOf(WAITING), checkpoint(FAILED), 0);
  expect([progress.outcomes[0], reopened]).toEqual([FAILED, 0]);
});

test('a retried job in which somebody still waits opens nobody', () => {
  const { reopened } = startProgress(batchOf(WAITING, WAITING), checkpoint(FAILED, WAITING), 1);
  expect(reopened).toBe(0);
});

test.each(['', '{}', checkpoint(ACCEPTED, ACCEPTED)])(
  'a checkpoint that does not fit (%j) is as good as none',
  (text) => {
    expect([...startProgress(batchOf(WAITING), text, 0).progress.outcomes]).toEqual([WAITING]);
  },
);
