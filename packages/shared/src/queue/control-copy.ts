import { z } from 'zod';
import { controlKey } from './keys.ts';
import { LuaScript } from './lua-script.ts';
import type { RedisClient } from './redis-connection.ts';

/**
 * What operators decided, as workers see it. The truth is in MySQL; a producer publishes this copy every
 * second and after each change. A worker without a copy sends nothing.
 */
const controlCopySchema = z.object({
  /** Installation and how often its Redis was found empty: tells a foreign or wiped Redis. */
  fleet: z.string(),
  epoch: z.int(),
  phase: z.enum(['ok', 'recovering']),
  paused: z.boolean(),
  /** Pushes per second over the fleet; null is no limit. */
  ratePerSecond: z.int().nullable(),
  topic: z.string(),
  environment: z.enum(['production', 'sandbox']),
  /** Dispatches whose waiting recipients are cancelled, while batches of them may be in Redis. */
  cancelled: z.array(z.int()),
  /** Dispatches that the brake holds, while batches of them may be in Redis. Older copies have none. */
  held: z.array(z.int()).optional(),
  /**
   * The run of the Redis server in which a producer has looked for jobs of finished batches (`ServerRun`);
   * null in a Cluster. Older copies have none.
   */
  server: z.string().nullable().optional(),
});
export type ControlCopy = z.output<typeof controlCopySchema>;

const ANNOUNCE = new LuaScript(`
local known, copy = pcall(cjson.decode, redis.call('GET', KEYS[1]) or '')
if known and type(copy) == 'table' and copy.fleet == ARGV[2] and copy.epoch >= tonumber(ARGV[3]) then return 0 end
redis.call('SET', KEYS[1], ARGV[1])
return 1
`);

/**
 * Tells workers that this Redis was emptied. To be called by the one producer that has raised the epoch.
 *
 * @param copy of the phase `recovering`, with the new epoch
 * @returns false when another producer has begun a later recovery
 */
export async function announceRecovery(
  redis: RedisClient,
  prefix: string,
  app: string,
  copy: ControlCopy,
): Promise<boolean> {
  const args = [JSON.stringify(copy), copy.fleet, copy.epoch];
  return (await ANNOUNCE.run(redis, [controlKey(prefix, app)], args)) === 1;
}

/** The first copy of an installation. False where there is one by now. */
export async function createControlCopy(
  redis: RedisClient,
  prefix: string,
  app: string,
  copy: ControlCopy,
): Promise<boolean> {
  return (await redis.set(controlKey(prefix, app), JSON.stringify(copy), 'NX')) === 'OK';
}

const REFRESH = new LuaScript(`
local known, copy = pcall(cjson.decode, redis.call('GET', KEYS[1]) or '')
if not known or type(copy) ~= 'table' then return 0 end
if copy.fleet ~= ARGV[2] or copy.epoch ~= tonumber(ARGV[3]) or copy.phase ~= ARGV[4] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'XX')
return 1
`);

/**
 * Brings the copy up to date where it still stands with this fleet, epoch and phase (`seen`).
 *
 * @returns false when it does not: Redis was emptied meanwhile, or another producer recovers it
 */
export async function refreshControlCopy(
  redis: RedisClient,
  prefix: string,
  app: string,
  copy: ControlCopy,
  seen: Pick<ControlCopy, 'fleet' | 'epoch' | 'phase'>,
): Promise<boolean> {
  const args = [JSON.stringify(copy), seen.fleet, seen.epoch, seen.phase];
  return (await REFRESH.run(redis, [controlKey(prefix, app)], args)) === 1;
}

/** Null where Redis has none (wiped, or no producer was ever here) or one of a form not known here. */
export async function readControlCopy(
  redis: RedisClient,
  prefix: string,
  app: string,
): Promise<ControlCopy | null> {
  const text = await redis.get(controlKey(prefix, app));
  const copy = controlCopySchema.safeParse(parsed(text ?? 'null'));
  return copy.success ? copy.data : null;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
