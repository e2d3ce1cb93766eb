import type { Queue } from 'bullmq';
import type { BatchJob } from '../domain/batch-job.ts';
import type { RedisClient } from './redis-connection.ts';

/** A batch's job as it stands in its lane. */
export interface LaneJob {
  readonly id: string;
  /** A worker ran it when Redis last knew. */
  readonly active: boolean;
}

/** All jobs of a lane that may still run, whatever their number: the high-water mark bounds it. */
export async function readLaneJobs(redis: RedisClient, queue: Queue<BatchJob>): Promise<LaneJob[]> {
  const key = (type: string) => queue.toKey(type);
  const [active, ...waiting] = await Promise.all([
    redis.lrange(key('active'), 0, -1),
    redis.lrange(key('wait'), 0, -1),
    redis.lrange(key('paused'), 0, -1),
    redis.zrange(key('prioritized'), '0', '-1'),
    redis.zrange(key('delayed'), '0', '-1'),
  ]);
  return [
    ...active.map((id) => ({ id, active: true })),
    ...waiting.flat().map((id) => ({ id, active: false })),
  ];
}

/** What its last worker had checkpointed; null where there is none. */
export async function readCheckpointOf(
  redis: RedisClient,
  queue: Queue<BatchJob>,
  id: string,
): Promise<string | null> {
  return redis.hget(queue.toKey(id), 'ck');
}

/** Removes a job whoever has it: its batch is over, a run that goes on can add nothing. */
export async function removeOver(redis: RedisClient, queue: Queue<BatchJob>, id: string): Promise<void> {
  await redis.del(`${queue.toKey(id)}:lock`);
  await queue.remove(id);
}

/** @returns false when a worker has taken it meanwhile: it stays */
export async function removeWaiting(queue: Queue<BatchJob>, id: string): Promise<boolean> {
  return (await queue.remove(id)) === 1;
}
