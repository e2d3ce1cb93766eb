import { batchOfJobId } from '@pushfleet/shared/domain/batch-job';
import { decodeProgress } from '@pushfleet/shared/domain/batch-progress';
import { WAITING } from '@pushfleet/shared/domain/outcomes';
import {
  type JobKnowledge,
  readJobKnowledge,
  readLaneJobs,
  removeOver,
  removeUnlocked,
} from '@pushfleet/shared/queue/risen-jobs';
import { parkLost, readStoredBatches, type StoredBatch } from '@pushfleet/shared/store/lost-batches';
import type { AppQueues, ProducerContext } from './producer-context.ts';
import { WORKERS_SPEAK_MS } from './reconcile.ts';

const AT_ONCE = 100;

export interface RisenJobs {
  readonly removed: number;
  /** Jobs that know less than MySQL, and whose lock has not run out yet: to be looked at again. */
  readonly locked: number;
}

/**
 * Looks through a Redis that was started or took over: with older data it brings back jobs whose batches are
 * over, and jobs that know less than MySQL (F19). The former go; of the latter what still waits is queued
 * again from what MySQL knows.
 */
export async function removeRisenJobs(
  context: ProducerContext,
  { app, lanes }: AppQueues,
): Promise<RisenJobs> {
  const count = { stays: 0, removed: 0, locked: 0 };
  for (const queue of Object.values(lanes)) {
    const jobs = (await readLaneJobs(context.redis, queue)).flatMap((id) => {
      const batch = batchOfJobId(id);
      return batch === null ? [] : [{ id, ...batch }];
    });
    for (let from = 0; from < jobs.length; from += AT_ONCE) {
      const page = jobs.slice(from, from + AT_ONCE);
      const stored = await readStoredBatches(context.store, page);
      const ends = await Promise.all(
        page.map((job) => look(context, queue, job, stored.get(`${job.dispatch}-${job.seq}`))),
      );
      for (const end of ends) count[end]++;
    }
  }
  if (count.removed > 0)
    context.log.warn(
      { event: 'redis.older', app: app.name, jobs: count.removed },
      'Redis came back with older data; jobs that MySQL knows more of were removed',
    );
  return count;
}

async function look(
  { store, redis }: ProducerContext,
  queue: AppQueues['lanes']['bulk'],
  job: { readonly id: string; readonly generation: number },
  batch: StoredBatch | undefined,
): Promise<'stays' | 'removed' | 'locked'> {
  if (batch === undefined || batch.generation < job.generation) return 'stays';
  // Of most jobs nothing is recorded yet.
  if (batch.generation === job.generation && batch.settled === 0 && batch.state === 'queued') return 'stays';
  const verdict = judgeJob(job.generation, await readJobKnowledge(redis, queue, job.id), batch);
  if (verdict === 'stays') return 'stays';
  if (verdict === 'over') return (await removeOver(redis, queue, job.id)) ? 'removed' : 'stays';
  if (!(await removeUnlocked(queue, job.id))) return 'locked';
  await parkLost(store, [batch], WORKERS_SPEAK_MS);
  return 'removed';
}

/**
 * - `over`: no run of this job can add anything, since its batch has ended or goes on as another generation.
 * - `behind`: it would send again to recipients that MySQL has outcomes of.
 */
export function judgeJob(
  generation: number,
  job: JobKnowledge,
  batch: StoredBatch,
): 'stays' | 'over' | 'behind' {
  if (batch.generation > generation || batch.state === 'parked') return 'over';
  // Retried by a person in Bull Board.
  if (batch.state === 'settled') return batch.hasFailed && job.attemptsMade > 0 ? 'stays' : 'over';
  const known = Math.max(settledIn(job.checkpoint), settledIn(progressOf(job.data)));
  return known < batch.settled ? 'behind' : 'stays';
}

function progressOf(data: string | null): string | null {
  try {
    const { progress } = JSON.parse(data ?? '{}') as { progress?: unknown };
    return typeof progress === 'string' ? progress : null;
  } catch {
    return null;
  }
}

function settledIn(progress: string | null): number {
  if (progress === null) return 0;
  try {
    return decodeProgress(progress).outcomes.filter((byte) => byte !== WAITING).length;
  } catch {
    return 0;
  }
}
