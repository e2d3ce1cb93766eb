import type { Queue } from 'bullmq';
import { type BatchJob, batchJobId } from '../domain/batch-job.ts';
import type { RedisClient } from './redis-connection.ts';

/** What became of a job that was to be taken out of its lane. */
export type Withdrawal =
  /** A worker holds it: only that worker can end it. */
  | { readonly kind: 'running' }
  /** It is in no lane any more; with the checkpoint that it left, if any. */
  | { readonly kind: 'gone'; readonly checkpoint: string | null }
  /** It was in no lane to begin with: it has ended, or was never added. */
  | { readonly kind: 'absent' };

/** Takes jobs of batches out of their lanes, unless a worker holds them: whoever waits there is not sent to. */
export async function withdrawJobs(
  redis: RedisClient,
  queues: readonly Queue<BatchJob>[],
  batches: readonly { readonly dispatchId: number; readonly seq: number; readonly generation: number }[],
): Promise<Withdrawal[]> {
  return Promise.all(
    batches.map(async ({ dispatchId, seq, generation }): Promise<Withdrawal> => {
      const id = batchJobId(dispatchId, seq, generation);
      let checkpoint: string | null = null;
      let wasThere = false;
      for (const queue of queues) {
        wasThere ||= (await redis.exists(queue.toKey(id))) === 1;
        const left = await redis.hget(queue.toKey(id), 'ck');
        await queue.remove(id);
        if ((await queue.getJobState(id)) !== 'unknown') return { kind: 'running' };
        checkpoint = left ?? checkpoint;
      }
      return wasThere ? { kind: 'gone', checkpoint } : { kind: 'absent' };
    }),
  );
}
