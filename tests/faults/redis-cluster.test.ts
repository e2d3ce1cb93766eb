import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, test } from '@jest/globals';
import { Redis } from 'ioredis';
import { broadcastUnderFault } from '../harness/broadcast-under-fault.ts';
import { type Fleet, startFleet } from '../harness/fleet.ts';
import { startProcess } from '../harness/fleet-process.ts';
import { type RedisTopology, startRedisCluster } from '../harness/redis-topologies.ts';
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

test('F33: Redis Cluster (3 masters, 3 replicas): the master is killed in the middle of a broadcast, it goes on by itself, nobody is lost', async () => {
  redis = await startRedisCluster();
  fleet = await startFleet({
    simulator: { latencyMs: 20, streamLimit: STREAMS },
    environment: {
      PUSHFLEET_REDIS_URL: redis.url,
      PUSHFLEET_RATE_PER_SECOND: String(PER_SECOND),
    },
  });
  // Each master counts, not the one that happens to answer.
  const weak = redis.url.split(',')[0]!;
  await configure(weak, 'no');
  const refused = startProcess(['worker'], fleet.environment);
  expect(await refused.exited).toBe(2);
  expect(refused.output()).toMatch(/no append-only file/);
  await configure(weak, 'yes');

  const { status, ...seen } = await broadcastUnderFault(fleet, RECIPIENTS, async () => {
    await redis!.killMasterOf(`{${fleet!.redisPrefix}-*}:control`);
    await sleep(1_000);
  });
  report('Cluster: master killed', seen);
  expect(status).toMatchObject({ state: 'done', recipients: RECIPIENTS, accepted: RECIPIENTS, pending: 0 });
  expect(seen.distinct).toBe(RECIPIENTS);
  // In flight, what no checkpoint held, and what the replica had not heard of yet.
  expect(seen.duplicates).toBeLessThanOrEqual(PER_SECOND * 0.5 + 2 * STREAMS);
  expect(seen.againAfterMs).toBeLessThan(within(12_000));
  expect(seen.warnings).toBeLessThan(60);
}, 240_000);

async function configure(url: string, appendOnly: 'yes' | 'no'): Promise<void> {
  const server = new Redis(url);
  await server.config('SET', 'appendonly', appendOnly);
  server.disconnect();
}
