import type { Lane } from '../domain/lanes.ts';
import { controlKey, rateKey } from './keys.ts';
import { LuaScript } from './lua-script.ts';
import type { RedisClient } from './redis-connection.ts';

/**
 * - `unlimited`: the app has no limit.
 * - `granted`: so many pushes may start now; unspent they are void after GRANT_VALID_MS. To ask for as many again
 *   before `nextInMs` would be in vain.
 * - `wait`: none now; ask again after `ms`.
 */
export type RateAnswer =
  | { readonly kind: 'unlimited' }
  | { readonly kind: 'granted'; readonly pushes: number; readonly nextInMs: number }
  | { readonly kind: 'wait'; readonly ms: number };

/** An unspent grant must not come on top of a later second. */
export const GRANT_VALID_MS = 100;

/**
 * The fleet's token bucket, in pushes. Small on purpose: a bucket of a whole second lets through twice
 * the rate in the worst second. It holds 5 % of a second, and one asking gets half a per cent at most, so that
 * grants which several workers spend late stay under 10 %. Bulk leaves a fifth of the bucket to urgent, and gets
 * all that it wants or nothing: else each asking would get what one round trip has let in, a few pushes.
 * Below about 20 pushes per second a bucket that can serve both lanes (two pushes) is more than that.
 * The rate is read from the control copy here, so a change holds everywhere with the next asking.
 * Redis' clock counts; one that jumps back (a failover) costs nothing but the jump's refill.
 */
const TAKE = new LuaScript(`
local function answer(granted, wait) return {granted, math.ceil(wait)} end
local text = redis.call('GET', KEYS[2])
local known, copy = pcall(cjson.decode, text or '')
if not known or type(copy) ~= 'table' then return answer(0, 250) end
local rate = copy.ratePerSecond
if rate == nil or rate == cjson.null then return answer(-1, 0) end
if rate <= 0 then return answer(0, 250) end

local capacity = math.max(2, rate * 0.05)
local slice = math.min(tonumber(ARGV[2]), math.max(1, math.floor(rate * 0.005)))
local reserve, least = 0, 1
if ARGV[1] == 'bulk' then reserve, least = math.max(1, capacity * 0.2), slice end

local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local state = redis.call('HMGET', KEYS[1], 'pushes', 'at')
local pushes = tonumber(state[1]) or capacity
local elapsed = math.max(0, now - (tonumber(state[2]) or now))
pushes = math.min(capacity, pushes + elapsed * rate / 1000000)

local granted = math.min(slice, math.floor(pushes - reserve))
if granted < least then granted = 0 end
pushes = pushes - granted
redis.call('HSET', KEYS[1], 'pushes', string.format('%.6f', pushes), 'at', string.format('%.0f', now))
redis.call('PEXPIRE', KEYS[1], 60000)
return answer(granted, math.max(0, (least + reserve - pushes) / rate * 1000))
`);

/**
 * Asks the fleet's bucket for some pushes.
 *
 * @param wanted pushes that would be started now, at least 1
 */
export async function takeFromBucket(
  redis: RedisClient,
  prefix: string,
  app: string,
  lane: Lane,
  wanted: number,
): Promise<RateAnswer> {
  const keys = [rateKey(prefix, app), controlKey(prefix, app)];
  const [pushes, waitMs] = (await TAKE.run(redis, keys, [lane, wanted])) as [number, number];
  if (pushes < 0) return { kind: 'unlimited' };
  return pushes > 0
    ? { kind: 'granted', pushes, nextInMs: waitMs }
    : { kind: 'wait', ms: Math.max(1, waitMs) };
}
