import {
  type BatchProgress,
  decodeProgress,
  MalformedProgressError,
  mergeProgress,
} from '@pushfleet/shared/domain/batch-progress';
import { FAILED, WAITING } from '@pushfleet/shared/domain/outcomes';
import type { OpenBatch } from './open-batch.ts';

/**
 * Where a run begins: what the job was queued with and what earlier runs of it have checkpointed.
 *
 * A job that had failed and runs again was retried by a person (Bull Board): its failed recipients are
 * opened once more, and only they. `attemptsMade` tells it from a job whose worker died at its end, which
 * BullMQ runs again without counting.
 */
export function startProgress(
  batch: OpenBatch,
  checkpoint: string | null,
  attemptsMade: number,
): { progress: BatchProgress; reopened: number } {
  const progress =
    checkpoint === null
      ? mergeProgress(batch.known, batch.known)
      : mergeProgress(decodeCheckpoint(checkpoint, batch), batch.known);
  const reopened = attemptsMade > 0 ? reopen(progress, batch.indexes) : 0;
  return { progress, reopened };
}

/** A checkpoint that cannot be read is as good as none: what it knew may be sent again, never lost. */
function decodeCheckpoint(text: string, batch: OpenBatch): BatchProgress {
  try {
    const progress = decodeProgress(text);
    return progress.outcomes.length === batch.job.size ? progress : batch.known;
  } catch (error) {
    if (error instanceof MalformedProgressError) return batch.known;
    throw error;
  }
}

/** Of recipients that had failed before this job was queued it has no device token. */
function reopen(progress: BatchProgress, indexes: readonly number[]): number {
  if (progress.outcomes.includes(WAITING)) return 0;
  let opened = 0;
  for (const index of indexes) {
    if (progress.outcomes[index] !== FAILED) continue;
    progress.outcomes[index] = WAITING;
    progress.refusals.delete(index);
    progress.trials.delete(index);
    opened++;
  }
  return opened;
}
