import { setTimeout as sleep } from 'node:timers/promises';
import type { Log } from '@pushfleet/shared/platform/log';
import type { Stoppable } from '@pushfleet/shared/platform/stop';
import { awaitRedis } from '@pushfleet/shared/queue/redis-check';
import { connectRedis, type RedisClient, readCa } from '@pushfleet/shared/queue/redis-connection';
import type { WorkerConfig } from './worker-config.ts';

export interface RedisLinks extends Stoppable {
  /** Waits for Redis as long as it takes: BullMQ's workers, and checkpoints, which must hold up sending. */
  readonly working: RedisClient;
  /** Fails fast: results, control copy, rate. */
  readonly adding: RedisClient;
}

/**
 * Connects to Redis, waiting until it is there, and checks that it may be used.
 *
 * @throws ConfigurationError saying how to mend it
 */
export async function openRedisLinks(config: WorkerConfig, log: Log): Promise<RedisLinks> {
  const options = {
    target: config.PUSHFLEET_REDIS_URL,
    password: config.PUSHFLEET_REDIS_PASSWORD,
    ca: readCa(config.PUSHFLEET_REDIS_CA_FILE),
    log,
  };
  const adding = connectRedis(options, 'adding');
  try {
    await awaitRedis(adding, log);
  } catch (error) {
    adding.disconnect();
    throw error;
  }
  const working = connectRedis(options, 'working');
  return {
    name: 'redis',
    working,
    adding,
    async stop() {
      // `quit` lets what is under way end; while Redis is away it would wait for it.
      await Promise.race([Promise.allSettled([working.quit(), adding.quit()]), sleep(300)]);
      working.disconnect();
      adding.disconnect();
    },
  };
}
