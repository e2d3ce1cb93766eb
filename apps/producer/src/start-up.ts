import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import type { Log } from '@pushfleet/shared/platform/log';
import { openQueue } from '@pushfleet/shared/queue/lane-queue';
import { checkRedis } from '@pushfleet/shared/queue/redis-check';
import {
  connectRedis,
  type RedisClient,
  type RedisUse,
  readCa,
} from '@pushfleet/shared/queue/redis-connection';
import { dueIndexStatement } from '@pushfleet/shared/store/backend-schema';
import { readFleet } from '@pushfleet/shared/store/fleet';
import { openStore } from '@pushfleet/shared/store/open-store';
import { type ProducerConfig, readApps } from './producer-config.ts';
import type { ProducerContext } from './producer-context.ts';

/**
 * Opens what the loops need and checks it: the tables are there and of this version, Redis keeps what it
 * acknowledges.
 *
 * @throws ConfigurationError, BackendSchemaError or SchemaVersionError, each saying how to mend it
 */
export async function openProducer(config: ProducerConfig, log: Log): Promise<ProducerContext> {
  const apps = readApps(config);
  const store = await openStore(config);
  const redis = redisFor(config, 'adding', log);
  try {
    const { fleet } = await readFleet(store.database, store.tables);
    if (!store.backend.dueQueryHasIndex)
      log.warn(
        { event: 'database.indexMissing', statement: dueIndexStatement(store.backend.mapping) },
        `finding due rows reads the whole table; make an index: ${dueIndexStatement(store.backend.mapping)}`,
      );
    await checkRedis(redis);
    const prefix = config.PUSHFLEET_REDIS_PREFIX;
    return {
      config,
      store,
      redis,
      queues: apps.map((app) => ({
        app,
        lanes: {
          urgent: openQueue(redis, prefix, app.name, 'urgent'),
          bulk: openQueue(redis, prefix, app.name, 'bulk'),
        },
        results: openQueue(redis, prefix, app.name, 'results'),
      })),
      rules: {
        apps,
        defaultApp: apps.length === 1 ? apps[0]!.name : config.PUSHFLEET_APP,
        zone: config.PUSHFLEET_TIMEZONE,
        expiryIsDateTime: store.backend.expiryIsDateTime,
      },
      fleet,
      owner: `${hostname().slice(0, 32)}-${process.pid}-${randomBytes(3).toString('hex')}`,
      log,
    };
  } catch (error) {
    redis.disconnect();
    await store.database.close();
    throw error;
  }
}

export function redisFor(config: ProducerConfig, use: RedisUse, log: Log): RedisClient {
  return connectRedis(
    {
      target: config.PUSHFLEET_REDIS_URL,
      password: config.PUSHFLEET_REDIS_PASSWORD,
      ca: readCa(config.PUSHFLEET_REDIS_CA_FILE),
      log,
    },
    use,
  );
}
