import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, test } from '@jest/globals';
import { findFreePort } from '@pushfleet/local-servers/free-port';
import type { Redis } from 'ioredis';
import { broadcastUnderFault } from '../harness/broadcast-under-fault.ts';
import { type FleetOnOwnRedis, startFleetOnOwnRedis } from '../harness/flushed-broadcast.ts';
import { report } from '../harness/report.ts';
import { within } from '../harness/time-limit.ts';

const PER_SECOND = 1_000;
const STREAMS = 50;
const FAULT_MS = 4_000;

let own: FleetOnOwnRedis | undefined;

afterEach(async () => {
  await own?.stop();
  own = undefined;
}, 180_000);

const faults: { name: string; fault(redis: Redis): Promise<void> }[] = [
  {
    name: 'full (OOM)',
    async fault(redis) {
      await redis.config('SET', 'maxmemory', '1mb');
      await sleep(FAULT_MS);
      await redis.config('SET', 'maxmemory', '0');
    },
  },
  {
    name: 'read-only after a failover (READONLY)',
    async fault(redis) {
      await redis.replicaof('127.0.0.1', await findFreePort());
      await sleep(FAULT_MS);
      await redis.replicaof('NO', 'ONE');
    },
  },
  {
    name: 'without replicas (NOREPLICAS)',
    async fault(redis) {
      await redis.config('SET', 'min-replicas-to-write', '1');
      await sleep(FAULT_MS);
      await redis.config('SET', 'min-replicas-to-write', '0');
    },
  },
  {
    name: 'slow (no answer for 4 s)',
    async fault(redis) {
      await redis.call('DEBUG', 'SLEEP', String(FAULT_MS / 1_000));
    },
  },
];

test.each(faults)(
  'F18: Redis is $name for a while: no spinning, no silence, nobody lost',
  async ({ name, fault }) => {
    own = await startFleetOnOwnRedis(
      {
        simulator: { latencyMs: 20, streamLimit: STREAMS },
        environment: { PUSHFLEET_RATE_PER_SECOND: String(PER_SECOND) },
      },
      ['--enable-debug-command', 'yes'],
    );
    const { redis } = own;
    const { status, ...seen } = await broadcastUnderFault(own.fleet, 4_000, () => fault(redis));
    report(`Redis ${name}`, seen);
    expect(status).toMatchObject({ state: 'done', recipients: 4_000, accepted: 4_000, pending: 0 });
    expect(seen.distinct).toBe(4_000);
    expect(seen.duplicates).toBeLessThanOrEqual(PER_SECOND * 0.3 + 2 * STREAMS);
    expect(seen.againAfterMs).toBeLessThan(within(4_000));
    expect(seen.warnings).toBeLessThan(60);
    // Three processes that spun would burn whole cores.
    expect(seen.cpuSeconds).toBeLessThan((seen.faultMs / 1_000) * 0.8);
  },
  90_000,
);
