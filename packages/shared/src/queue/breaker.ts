import { z } from 'zod';
import { queuePrefix } from './keys.ts';
import { LuaScript } from './lua-script.ts';
import type { RedisClient } from './redis-connection.ts';

/**
 * Breakers of an app, as its workers share them: what APNs refuses about one credential (or one topic of
 * it), or an outage of APNs, stops every worker with the same credential, and no other. One of them probes for all.
 *
 * A hash with one field per breaker. The field `#` says that a producer has put back what MySQL knows: only
 * then does a missing field mean that a breaker was closed, and not that Redis was emptied.
 */
const KNOWN = '#';
/** Reason of a breaker that no word of APNs' has opened: most of its answers are 5xx. */
export const APNS_UNAVAILABLE = 'ApnsUnavailable';
/** Milliseconds until a probe, by probes that were refused; the last one repeats. */
export const PROBE_AFTER_MS = [1_000, 2_000, 5_000, 10_000, 30_000, 60_000];

const storedSchema = z.object({
  reason: z.string(),
  /** Milliseconds since 1970, by the clock of Redis. */
  since: z.number(),
  /** Probes that were refused. */
  step: z.int(),
  probeAt: z.number(),
});
export type StoredBreaker = z.output<typeof storedSchema>;

/** A breaker that is open, as one reading of Redis shows it. */
export interface OpenBreaker {
  readonly reason: string;
  /** Milliseconds since 1970. */
  readonly since: number;
  /** Milliseconds until a probe is due, negative once it is. */
  readonly probeInMs: number;
}

export interface BreakersSeen {
  /** A producer has put back what MySQL knows: a breaker that is not among these is closed. */
  readonly complete: boolean;
  readonly open: ReadonlyMap<string, OpenBreaker>;
}

export type ProbeAnswer = 'passed' | 'refused' | 'unclear' | 'given up';

/** Names a breaker: a credential, or one topic of it. */
export function breakerName(credential: string, topic?: string): string {
  return topic === undefined ? credential : `${credential} ${topic}`;
}

/** The credential and the topic that a breaker's name holds. */
export function partsOfBreaker(name: string): { readonly credential: string; readonly topic: string | null } {
  const [credential = '', topic] = name.split(' ');
  return { credential, topic: topic ?? null };
}

function breakersKey(prefix: string, app: string): string {
  return `${queuePrefix(prefix, app)}:breakers`;
}

function probeKey(prefix: string, app: string, name: string): string {
  return `${queuePrefix(prefix, app)}:probe:${name}`;
}

const NOW = `local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local after = {${PROBE_AFTER_MS.join(', ')}}
`;

const OPEN = new LuaScript(`${NOW}
local text = cjson.encode({reason = ARGV[2], since = now, step = 0, probeAt = now + after[1]})
return redis.call('HSETNX', KEYS[1], ARGV[1], text)
`);

/** Opens a breaker for the fleet. True for the one that did; whoever comes later changes nothing. */
export async function openBreaker(
  redis: RedisClient,
  prefix: string,
  app: string,
  name: string,
  reason: string,
): Promise<boolean> {
  return (await OPEN.run(redis, [breakersKey(prefix, app)], [name, reason])) === 1;
}

const TAKE = new LuaScript(`${NOW}
local text = redis.call('HGET', KEYS[1], ARGV[1])
if not text or cjson.decode(text).probeAt > now then return 0 end
if redis.call('GET', KEYS[2]) == ARGV[2] then return redis.call('PEXPIRE', KEYS[2], ARGV[3]) end
return redis.call('SET', KEYS[2], ARGV[2], 'NX', 'PX', ARGV[3]) and 1 or 0
`);

/** Takes, or keeps, the fleet's right to probe for so long. False when it is not due or another worker has it. */
export async function takeProbe(
  redis: RedisClient,
  prefix: string,
  app: string,
  name: string,
  worker: string,
  leaseMs: number,
): Promise<boolean> {
  const keys = [breakersKey(prefix, app), probeKey(prefix, app, name)];
  return (await TAKE.run(redis, keys, [name, worker, leaseMs])) === 1;
}

// A pass is true whoever tells it; that a probe was refused is for the worker to say that held the right.
const END = new LuaScript(`${NOW}
local mine = redis.call('GET', KEYS[2]) == ARGV[2]
if mine then redis.call('DEL', KEYS[2]) end
if ARGV[3] == 'passed' then return redis.call('HDEL', KEYS[1], ARGV[1]) end
local text = mine and ARGV[3] ~= 'given up' and redis.call('HGET', KEYS[1], ARGV[1])
if not text then return 0 end
local breaker = cjson.decode(text)
if ARGV[3] == 'refused' then
  breaker.step = math.min(breaker.step + 1, #after - 1)
  breaker.reason = ARGV[4]
end
breaker.probeAt = now + after[breaker.step + 1]
redis.call('HSET', KEYS[1], ARGV[1], cjson.encode(breaker))
return 1
`);

/** Tells the fleet what a probe has shown, and gives the right to probe back. */
export async function endProbe(
  redis: RedisClient,
  prefix: string,
  app: string,
  name: string,
  worker: string,
  answer: ProbeAnswer,
  reason: string,
): Promise<void> {
  const keys = [breakersKey(prefix, app), probeKey(prefix, app, name)];
  await END.run(redis, keys, [name, worker, answer, reason]);
}

const READ = new LuaScript(`${NOW}
return {now, redis.call('HGETALL', KEYS[1])}
`);

/** All open breakers of an app. */
export async function readBreakers(redis: RedisClient, prefix: string, app: string): Promise<BreakersSeen> {
  const [now, fields] = (await READ.run(redis, [breakersKey(prefix, app)], [])) as [number, string[]];
  const open = new Map<string, OpenBreaker>();
  let complete = false;
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i]!;
    if (name === KNOWN) complete = true;
    else {
      const { reason, since, probeAt } = storedSchema.parse(JSON.parse(fields[i + 1]!));
      open.set(name, { reason, since, probeInMs: probeAt - now });
    }
  }
  return { complete, open };
}

const RESTORE = new LuaScript(`${NOW}
for i = 1, #ARGV, 3 do
  local text = cjson.encode({reason = ARGV[i + 1], since = tonumber(ARGV[i + 2]), step = 0, probeAt = now + after[1]})
  redis.call('HSETNX', KEYS[1], ARGV[i], text)
end
redis.call('HSET', KEYS[1], '${KNOWN}', '1')
`);

/** Puts back what MySQL knows into a Redis that was emptied; what workers have opened since stays. */
export async function restoreBreakers(
  redis: RedisClient,
  prefix: string,
  app: string,
  known: ReadonlyMap<string, Pick<OpenBreaker, 'reason' | 'since'>>,
): Promise<void> {
  const args = [...known].flatMap(([name, { reason, since }]) => [name, reason, since]);
  await RESTORE.run(redis, [breakersKey(prefix, app)], args);
}

const CLEAR = new LuaScript(`
local cleared = 0
for _, name in ipairs(redis.call('HKEYS', KEYS[1])) do
  if name ~= '${KNOWN}' then cleared = cleared + redis.call('HDEL', KEYS[1], name) end
end
return cleared
`);

/** Closes all breakers of an app: an operator has mended what APNs refused. Returns how many. */
export async function clearBreakers(redis: RedisClient, prefix: string, app: string): Promise<number> {
  return (await CLEAR.run(redis, [breakersKey(prefix, app)], [])) as number;
}
