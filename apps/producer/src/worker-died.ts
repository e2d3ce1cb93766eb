import {
  type BatchProgress,
  decodeProgress,
  MalformedProgressError,
  markRefused,
  mergeProgress,
} from '@pushfleet/shared/domain/batch-progress';
import { FAILED, WAITING } from '@pushfleet/shared/domain/outcomes';
import type { QueuedBatch } from '@pushfleet/shared/store/lost-batches';
import { readBatchProgress } from '@pushfleet/shared/store/lost-batches';
import type { TellingOfBatch } from '@pushfleet/shared/store/record';
import type { Store } from '@pushfleet/shared/store/store';

/** A batch whose jobs fail so often without a word of their workers is given up. */
const MOST_ROUNDS = 10;
const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 60_000;
/** Of whoever still waits then; beside a trial it counts the rounds: `WorkerDied 3`. */
export const WORKER_DIED = 'WorkerDied';

/**
 * What is to be recorded of a batch whose job failed without its worker saying so: it stalled too often, or
 * nobody could read it. What is known counts; who waits is tried again after a growing pause, ten times.
 *
 * @param checkpoint of the failed job; one that cannot be read is as good as none
 * @returns null when there is no such batch any more
 */
export async function tellingOfDead(
  store: Store,
  batch: QueuedBatch,
  checkpoint: string | null,
): Promise<TellingOfBatch | null> {
  const stored = await readBatchProgress(store, batch);
  if (stored === null) return null;
  const left = checkpoint === null ? null : readable(checkpoint, stored.outcomes.length);
  const progress = left === null ? stored : mergeProgress(stored, left);
  countRound(progress, Date.now());
  return { ...batch, progress, ended: true };
}

/** Marks one more round on everybody who waits, or gives them up. */
export function countRound(progress: BatchProgress, now: number): void {
  let round = 1;
  for (const { reason } of progress.trials.values())
    round = Math.max(round, 1 + Number(new RegExp(`^${WORKER_DIED} (\\d+)$`).exec(reason)?.[1] ?? 0));
  const pauseMs = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (round - 1));
  progress.outcomes.forEach((byte, index) => {
    if (byte !== WAITING) return;
    const trial = progress.trials.get(index);
    const attempts = trial?.attempts ?? 0;
    if (round > MOST_ROUNDS)
      markRefused(progress, index, FAILED, {
        status: 0,
        reason: WORKER_DIED,
        timestamp: null,
        attempts,
        at: now,
        deviceToken: null,
      });
    // Of two trials with as many attempts the later one counts.
    else
      progress.trials.set(index, {
        attempts,
        unanswered: trial?.unanswered ?? 0,
        notBefore: Math.max(now + pauseMs, (trial?.notBefore ?? 0) + 1),
        reason: `${WORKER_DIED} ${round}`,
      });
  });
}

function readable(checkpoint: string, size: number): BatchProgress | null {
  try {
    const progress = decodeProgress(checkpoint);
    return progress.outcomes.length === size ? progress : null;
  } catch (error) {
    if (error instanceof MalformedProgressError) return null;
    throw error;
  }
}
