import type { Lane } from '../domain/lanes.ts';
import { queuePrefix } from './keys.ts';
import { LuaScript } from './lua-script.ts';
import type { RedisClient } from './redis-connection.ts';

/** One run of a job, as BullMQ knows it: only the run that holds the job's lock may write. */
export interface JobRun {
  readonly lane: Lane;
  readonly jobId: string;
  /** What this run locked the job with. */
  readonly lockToken: string;
  /** BullMQ's count of starts. A slot uses its lock token for many jobs, so the lock alone proves too little. */
  readonly attemptsStarted: number;
}

export interface Checkpoint {
  readonly run: JobRun;
  /** `encodeProgress` of the batch. */
  readonly progress: string;
}

/** A field of our own on BullMQ's job: it survives retry, delay, stall and failure, and goes with the job. */
const FIELD = 'ck';

const WRITE = new LuaScript(`
local written = {}
for i = 1, #KEYS / 2 do
  local lock, job, arg = KEYS[2 * i - 1], KEYS[2 * i], 3 * (i - 1)
  if redis.call('GET', lock) == ARGV[arg + 1] and redis.call('HGET', job, 'ats') == ARGV[arg + 2] then
    redis.call('HSET', job, '${FIELD}', ARGV[arg + 3])
    written[i] = 1
  else
    written[i] = 0
  end
end
return written
`);

/** Where BullMQ 6 keeps a job and its lock. Internal to it: a test watches that this stays so. */
export function jobKeys(
  prefix: string,
  app: string,
  lane: Lane,
  jobId: string,
): { job: string; lock: string } {
  const job = `${queuePrefix(prefix, app)}:${lane}:${jobId}`;
  return { job, lock: `${job}:lock` };
}

/**
 * Writes the checkpoints of several runs in one round trip, each only if its run still owns its job.
 *
 * @returns for each whether it was written; false means that another run, or nobody, owns the job now
 */
export async function writeCheckpoints(
  redis: RedisClient,
  prefix: string,
  app: string,
  checkpoints: readonly Checkpoint[],
): Promise<boolean[]> {
  const keys: string[] = [];
  const args: (string | number)[] = [];
  for (const { run, progress } of checkpoints) {
    const { job, lock } = jobKeys(prefix, app, run.lane, run.jobId);
    keys.push(lock, job);
    args.push(run.lockToken, run.attemptsStarted, progress);
  }
  const written = (await WRITE.run(redis, keys, args)) as number[];
  return written.map((one) => one === 1);
}

/** The last checkpoint of a job; null where it has none. */
export function readCheckpoint(
  redis: RedisClient,
  prefix: string,
  app: string,
  lane: Lane,
  jobId: string,
): Promise<string | null> {
  return redis.hget(jobKeys(prefix, app, lane, jobId).job, FIELD);
}
