import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, test } from '@jest/globals';
import { broadcastUnderFault } from '../harness/broadcast-under-fault.ts';
import { type Fleet, startFleet } from '../harness/fleet.ts';
import { type RedisTopology, startRedisSentinel } from '../harness/redis-topologies.ts';
import { report } from '../harness/report.ts';
import { within } from '../harness/time-limit.ts';

const PER_SECOND = 1_000;
const STREAMS = 50;
const RECIPIENTS = 8_000;

let redis: RedisTopology | undefined;
let fleet: Fleet | undefined;

afterEach(async () => {
  await fleet?.stop();
  await redis?.stop();
}, 180_000);

test('F33: Redis Sentinel (a master, a replica, 3 sentinels): the master is killed in the middle of a broadcast, it goes on by itself, nobody is lost', async () => {
  redis = await startRedisSentinel();
  fleet = await startFleet({
    simulator: { latencyMs: 20, streamLimit: STREAMS },
    environment: {
      PUSHFLEET_REDIS_URL: redis.url,
      PUSHFLEET_RATE_PER_SECOND: String(PER_SECOND),
    },
  });
  const { status, ...seen } = await broadcastUnderFault(fleet, RECIPIENTS, async () => {
    await redis!.killMasterOf(`{${fleet!.redisPrefix}-*}:control`);
    await sleep(1_000);
  });
  report('Sentinel: master killed', seen);
  expect(status).toMatchObject({ state: 'done', recipients: RECIPIENTS, accepted: RECIPIENTS, pending: 0 });
  expect(seen.distinct).toBe(RECIPIENTS);
  // In flight, what no checkpoint held, and what the replica had not heard of yet.
  expect(seen.duplicates).toBeLessThanOrEqual(PER_SECOND * 0.5 + 2 * STREAMS);
  expect(seen.againAfterMs).toBeLessThan(within(12_000));
  expect(seen.warnings).toBeLessThan(60);
}, 180_000);
