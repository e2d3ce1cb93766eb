import { connectsKey } from './keys.ts';
import { LuaScript } from './lua-script.ts';
import type { RedisClient } from './redis-connection.ts';

/** Apple takes quick opening and closing for an attack: so many connects at once, then one each SPACING_MS. */
const BURST = 10;
const SPACING_MS = 200;

const TAKE = new LuaScript(`
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local at = math.max(tonumber(redis.call('GET', KEYS[1])) or 0, now - ${BURST * SPACING_MS}) + ${SPACING_MS}
-- A clock that jumped back far must not keep the fleet silent.
if at > now + 60000 then at = now end
redis.call('SET', KEYS[1], string.format('%.0f', at), 'PX', 120000)
return math.max(0, at - now)
`);

/** Takes the next place among the fleet's connects to APNs; returns milliseconds to wait for it. */
export async function takeConnectPermit(redis: RedisClient, prefix: string, app: string): Promise<number> {
  return (await TAKE.run(redis, [connectsKey(prefix, app)], [])) as number;
}
