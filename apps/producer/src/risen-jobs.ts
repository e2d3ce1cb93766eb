import { batchOfJobId } from '@pushfleet/shared/domain/batch-job';
import { decodeProgress } from '@pushfleet/shared/domain/batch-progress';
import { WAITING } from '@pushfleet/shared/domain/outcomes';
import {
  type LaneJob,
  readCheckpointOf,
  readLaneJobs,
  removeOver,
  removeWaiting,
} from '@pushfleet/shared/queue/risen-jobs';
import { parkLost, readStoredBatches, type StoredBatch } from '@pushfleet/shared/store/lost-batches';
import type { AppQueues, ProducerContext } from './producer-context.ts';

/**
 * Looks through a Redis that was started or took over: with older data it brings back jobs whose batches are
 * over, and jobs that know less than MySQL (F19). The former go; of the latter what still waits is queued
 * again from what MySQL knows.
 *
 * @returns jobs removed
 */
export async function removeRisenJobs(
  { store, redis, log }: ProducerContext,
  { app, lanes }: AppQueues,
): Promise<number> {
  let removed = 0;
  for (const queue of Object.values(lanes)) {
    const jobs = (await readLaneJobs(redis, queue)).flatMap((job) => {
      const batch = batchOfJobId(job.id);
      return batch === null ? [] : [{ ...job, ...batch }];
    });
    const stored = await readStoredBatches(store, jobs);
    for (const job of jobs) {
      const batch = stored.get(`${job.dispatch}-${job.seq}`);
      if (batch === undefined || batch.generation < job.generation) continue;
      if (isOver(job, batch)) await removeOver(redis, queue, job.id);
      else if (job.active || batch.settled === 0) continue;
      else if (settledIn(await readCheckpointOf(redis, queue, job.id)) >= batch.settled) continue;
      else if (await removeWaiting(queue, job.id)) await parkLost(store, [batch]);
      else continue;
      removed++;
    }
  }
  if (removed > 0)
    log.warn(
      { event: 'redis.older', app: app.name, jobs: removed },
      'Redis came back with older data; jobs that MySQL knows more of were removed',
    );
  return removed;
}

/** Whether no run of this job can add anything: its batch has ended, or goes on as another generation. */
export function isOver(job: LaneJob & { readonly generation: number }, batch: StoredBatch): boolean {
  return batch.generation > job.generation || batch.state === 'settled' || batch.state === 'parked';
}

function settledIn(checkpoint: string | null): number {
  if (checkpoint === null) return 0;
  try {
    return decodeProgress(checkpoint).outcomes.filter((byte) => byte !== WAITING).length;
  } catch {
    return 0;
  }
}
