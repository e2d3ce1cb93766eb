import type { Queue } from 'bullmq';
import { type BatchJob, type BatchResult, batchJobId, batchOfResultId } from '../domain/batch-job.ts';
import type { RedisClient } from './redis-connection.ts';

/** What Redis knows of a batch that MySQL calls queued. */
export type JobFate =
  /** Waits, runs or is delayed. */
  | { readonly kind: 'alive' }
  /** In the failed set: its worker gave up, or it was failed without a worker being asked. */
  | { readonly kind: 'failed'; readonly checkpoint: string | null }
  | { readonly kind: 'gone' };

const ALIVE: ReadonlySet<string> = new Set([
  'waiting',
  'delayed',
  'active',
  'prioritized',
  'waiting-children',
  'completed',
]);

/** Looks the jobs of batches up. Read this before the results: a result is published before its job goes. */
export async function readJobFates(
  redis: RedisClient,
  queues: readonly Queue<BatchJob>[],
  batches: readonly { readonly dispatchId: number; readonly seq: number; readonly generation: number }[],
): Promise<JobFate[]> {
  return Promise.all(
    batches.map(async ({ dispatchId, seq, generation }): Promise<JobFate> => {
      const id = batchJobId(dispatchId, seq, generation);
      for (const queue of queues) {
        const state = await queue.getJobState(id);
        if (ALIVE.has(state)) return { kind: 'alive' };
        if (state === 'failed')
          return { kind: 'failed', checkpoint: await redis.hget(queue.toKey(id), 'ck') };
      }
      return { kind: 'gone' };
    }),
  );
}

/** The batches of which a result is still to be recorded, as `dispatch-seq`. */
export async function readUnrecordedBatches(
  redis: RedisClient,
  results: Queue<BatchResult>,
): Promise<Set<string>> {
  const key = (type: string) => results.toKey(type);
  const lists = await Promise.all([
    redis.lrange(key('wait'), 0, -1),
    redis.lrange(key('active'), 0, -1),
    redis.zrange(key('delayed'), '0', '-1'),
    redis.zrange(key('failed'), '0', '-1'),
  ]);
  const batches = lists.flat().flatMap((id) => batchOfResultId(id) ?? []);
  return new Set(batches.map(({ dispatch, seq }) => `${dispatch}-${seq}`));
}

/** Removes the failed job of a batch that goes on under another generation. */
export async function removeFailedJob(
  queues: readonly Queue<BatchJob>[],
  batch: { readonly dispatchId: number; readonly seq: number; readonly generation: number },
): Promise<void> {
  for (const queue of queues) await queue.remove(batchJobId(batch.dispatchId, batch.seq, batch.generation));
}
