import type { ResultsQueue } from './lane-queue.ts';
import type { RedisClient } from './redis-connection.ts';

/** What of an app's results is still to be recorded. */
export interface ResultsBacklog {
  /** In the failed set, where nobody takes them from. */
  readonly failed: number;
  /** How long the oldest one waits, in milliseconds; 0 when none does. */
  readonly oldestMs: number;
}

export async function readResultsBacklog(redis: RedisClient, results: ResultsQueue): Promise<ResultsBacklog> {
  const key = (type: string) => results.toKey(type);
  const [failed, waiting, active, delayed] = await Promise.all([
    redis.zcard(key('failed')),
    redis.lindex(key('wait'), -1),
    redis.lindex(key('active'), -1),
    redis.zrange(key('delayed'), '0', '0'),
  ]);
  const oldest = [waiting, active, ...delayed].filter((id) => id !== null && id !== undefined);
  const told = await Promise.all(oldest.map((id) => redis.hget(results.toKey(id), 'timestamp')));
  const ages = told.map((at) => (at === null ? 0 : Date.now() - Number(at)));
  return { failed, oldestMs: Math.max(0, ...ages) };
}

/** Has the failed results recorded once more: a repeat changes nothing, a lost one is a batch without an end. */
export async function retryFailedResults(results: ResultsQueue): Promise<void> {
  await results.retryJobs({ state: 'failed', count: 1_000 });
}
