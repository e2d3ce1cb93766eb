import type { Queue } from 'bullmq';
import type { BatchJob } from '../domain/batch-job.ts';
import type { RedisClient } from './redis-connection.ts';

/** The ids of all jobs of a lane that may still run, whatever their number: the high-water mark bounds it. */
export async function readLaneJobs(redis: RedisClient, queue: Queue<BatchJob>): Promise<string[]> {
  const key = (type: string) => queue.toKey(type);
  const ids = await Promise.all([
    redis.lrange(key('active'), 0, -1),
    redis.lrange(key('wait'), 0, -1),
    redis.lrange(key('paused'), 0, -1),
    redis.zrange(key('prioritized'), '0', '-1'),
    redis.zrange(key('delayed'), '0', '-1'),
  ]);
  return ids.flat();
}

/** What a job knows: its last checkpoint, what it was queued with, and how often it was begun anew after an end. */
export interface JobKnowledge {
  readonly checkpoint: string | null;
  readonly data: string | null;
  readonly attemptsMade: number;
}

export async function readJobKnowledge(
  redis: RedisClient,
  queue: Queue<BatchJob>,
  id: string,
): Promise<JobKnowledge> {
  const [checkpoint, data, attemptsMade] = await redis.hmget(queue.toKey(id), 'ck', 'data', 'atm');
  return { checkpoint: checkpoint ?? null, data: data ?? null, attemptsMade: Number(attemptsMade ?? 0) };
}

/** Removes a job whoever has it: its batch is over, a run that goes on can add nothing. */
export async function removeOver(redis: RedisClient, queue: Queue<BatchJob>, id: string): Promise<boolean> {
  await redis.del(`${queue.toKey(id)}:lock`);
  return removeUnlocked(queue, id);
}

/** @returns false when a worker holds it: it stays */
export async function removeUnlocked(queue: Queue<BatchJob>, id: string): Promise<boolean> {
  return (await queue.remove(id)) === 1;
}
