import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startRedis } from '@pushfleet/local-servers/start-redis';
import { Redis } from 'ioredis';
import { insertGroup, insertNotifications, insertTokens, range } from './backend-rows.ts';
import { deviceToken, type Fleet, type StatusDocument, startFleet } from './fleet.ts';

/** Streams of each worker's connection: no more requests than this are in flight. */
const STREAMS = 100;

export interface FlushedBroadcast {
  readonly status: StatusDocument;
  readonly acceptedAtFlush: number;
  readonly distinct: number;
  readonly duplicates: number;
  /** Most that can have been in flight at the FLUSHALL. */
  readonly inFlightAtMost: number;
  /** The longest time in which nothing was accepted, and when it ended, both since the FLUSHALL. */
  readonly silenceMs: number;
  readonly totalMs: number;
}

/** A whole fleet on a Redis of its own, which a test may hurt. */
export async function startFleetOnOwnRedis(
  options: Parameters<typeof startFleet>[0] = {},
  redisArguments: readonly string[] = [],
) {
  const dir = mkdtempSync(join(tmpdir(), 'pushfleet-redis-'));
  let server = await startRedis({ dir, extraArgs: redisArguments });
  const { port, url } = server;
  const fleet: Fleet = await startFleet({
    ...options,
    environment: { PUSHFLEET_REDIS_URL: url, ...options.environment },
  });
  const redis = new Redis(url, { retryStrategy: () => 100, maxRetriesPerRequest: null });
  redis.on('error', () => {});
  return {
    fleet,
    redis,
    dir,
    url,
    kill: () => server.kill('SIGKILL'),
    signal: (signal: NodeJS.Signals) => server.kill(signal),
    /** Starts it again; `empty`: without what it had kept. */
    async start(empty = false) {
      if (empty) rmSync(join(dir, 'data'), { recursive: true, force: true });
      server = await startRedis({ dir, port, extraArgs: redisArguments });
    },
    async stop() {
      await fleet.stop();
      redis.disconnect();
      await server.stop();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

export type FleetOnOwnRedis = Awaited<ReturnType<typeof startFleetOnOwnRedis>>;

/** Sends a broadcast with two producers and two workers, and empties Redis when a third of it is accepted. */
export async function flushInTheMiddle(recipients: number, perSecond: number): Promise<FlushedBroadcast> {
  const own = await startFleetOnOwnRedis({
    simulator: { latencyMs: 20, streamLimit: STREAMS },
    environment: { PUSHFLEET_RATE_PER_SECOND: String(perSecond) },
  });
  try {
    const { fleet, redis } = own;
    await insertTokens(
      fleet.database,
      range(1, recipients).map((id) => ({ id, deviceToken: deviceToken(id) })),
    );
    await insertGroup(fleet.database, 1, range(1, recipients));
    await Promise.all([
      fleet.startProducer(),
      fleet.startProducer(),
      fleet.startWorker(),
      fleet.startWorker(),
    ]);
    const begun = Date.now();
    await insertNotifications(fleet.database, [{ id: 1, groupIds: [1] }]);
    while (fleet.simulator.acceptedCount() < recipients / 3) {
      if (Date.now() - begun > 120_000) throw new Error('a third was not accepted in two minutes');
      await sleep(10);
    }
    const acceptedAtFlush = fleet.simulator.acceptedCount();
    await redis.flushall();
    const flushedAt = Date.now();
    await fleet.ended([1], 120_000);
    const times = [...fleet.simulator.acceptedTimes()].filter((at) => at >= flushedAt);
    let silenceMs = 0;
    times.forEach((at, i) => {
      silenceMs = Math.max(silenceMs, at - (times[i - 1] ?? flushedAt));
    });
    return {
      status: await fleet.status(1),
      acceptedAtFlush,
      distinct: fleet.simulator.distinctAccepted(),
      duplicates: fleet.simulator.acceptedCount() - fleet.simulator.distinctAccepted(),
      inFlightAtMost: 2 * STREAMS,
      silenceMs: Math.round(silenceMs),
      totalMs: Date.now() - begun,
    };
  } finally {
    await own.stop();
  }
}
