import { z } from 'zod';
import { queuePrefix } from './keys.ts';
import { LuaScript } from './lua-script.ts';
import type { RedisClient } from './redis-connection.ts';

/**
 * What each worker of an app says of itself, for people who look: nothing is decided by it. A hash with one
 * field per worker, and a sorted set with when each was last heard of. A worker that fell silent is taken out
 * by the next that speaks; when all are silent both keys expire.
 */
export const BEAT_EVERY_MS = 2_000;
const SILENT_AFTER_MS = 10_000;
const KEYS_EXPIRE_MS = 30_000;

/** Upper bounds of the buckets of `dueToAccepted`, in seconds; one more bucket holds what took longer. */
export const LATENCY_BOUNDS_S = [0.25, 0.5, 1, 2, 5, 10, 30, 60, 300, 900, 3_600] as const;

const beatSchema = z.object({
  /** Milliseconds since 1970, by the worker's clock. */
  startedAt: z.number(),
  version: z.string(),
  /** Of its connection to APNs: connecting, probing, ready, draining or stopped. */
  connection: z.string(),
  streamLimit: z.number(),
  inFlight: z.number(),
  /** Why it takes no jobs; empty where it does. */
  closedBy: z.array(z.string()),
  /** Answers of APNs since its start. */
  answered: z.number(),
  /** How many recipients of its were accepted within each time since their notification was due. */
  dueToAccepted: z.array(z.number()),
});
export type WorkerBeat = z.output<typeof beatSchema>;

export interface SeenBeat extends WorkerBeat {
  readonly worker: string;
}

function beatKeys(prefix: string, app: string): [string, string] {
  return [`${queuePrefix(prefix, app)}:workers`, `${queuePrefix(prefix, app)}:workers-seen`];
}

const BEAT = new LuaScript(`
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('ZADD', KEYS[2], now, ARGV[1])
for _, silent in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now - ${SILENT_AFTER_MS}, 'LIMIT', 0, 20)) do
  redis.call('HDEL', KEYS[1], silent)
  redis.call('ZREM', KEYS[2], silent)
end
redis.call('PEXPIRE', KEYS[1], ${KEYS_EXPIRE_MS})
redis.call('PEXPIRE', KEYS[2], ${KEYS_EXPIRE_MS})
return 1
`);

/** Says how a worker is. To be repeated each BEAT_EVERY_MS. */
export async function writeBeat(
  redis: RedisClient,
  prefix: string,
  app: string,
  worker: string,
  beat: WorkerBeat,
): Promise<void> {
  await BEAT.run(redis, beatKeys(prefix, app), [worker, JSON.stringify(beat)]);
}

/** Takes a worker that stops out at once, so that nobody wonders about it for ten seconds. */
export async function removeBeat(
  redis: RedisClient,
  prefix: string,
  app: string,
  worker: string,
): Promise<void> {
  const [beats, seen] = beatKeys(prefix, app);
  await redis.hdel(beats, worker);
  await redis.zrem(seen, worker);
}

/** The workers that were heard of in the last ten seconds, in the order of their names. Reads only. */
export async function readBeats(redis: RedisClient, prefix: string, app: string): Promise<SeenBeat[]> {
  const [beats, seen] = beatKeys(prefix, app);
  const [[seconds], fields, heard] = await Promise.all([
    redis.time(),
    redis.hgetall(beats),
    redis.zrange(seen, '0', '-1', 'WITHSCORES'),
  ]);
  const heardAt = new Map<string, number>();
  for (let i = 0; i < heard.length; i += 2) heardAt.set(heard[i]!, Number(heard[i + 1]));
  return Object.entries(fields)
    .filter(([worker]) => (heardAt.get(worker) ?? 0) > Number(seconds) * 1_000 - SILENT_AFTER_MS)
    .flatMap(([worker, text]) => {
      const beat = beatSchema.safeParse(parsed(text));
      return beat.success ? [{ worker, ...beat.data }] : [];
    })
    .sort((a, b) => a.worker.localeCompare(b.worker));
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
