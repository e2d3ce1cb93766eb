import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import type { Log } from '@pushfleet/shared/platform/log';
import { untilServerIsThere } from '@pushfleet/shared/platform/server-wait';
import { NO_TRACING, type Tracing } from '@pushfleet/shared/platform/tracing';
import { openQueue } from '@pushfleet/shared/queue/lane-queue';
import { awaitRedis } from '@pushfleet/shared/queue/redis-check';
import {
  connectRedis,
  type RedisClient,
  type RedisUse,
  readCa,
} from '@pushfleet/shared/queue/redis-connection';
import { dueIndexStatement } from '@pushfleet/shared/store/backend-schema';
import { readFleet } from '@pushfleet/shared/store/fleet';
import { SCHEMA_VERSION } from '@pushfleet/shared/store/migrations';
import { isMysqlAway } from '@pushfleet/shared/store/mysql-away';
import { openStore } from '@pushfleet/shared/store/open-store';
import { LaneRoom } from './lane-room.ts';
import { type ProducerConfig, readApps } from './producer-config.ts';
import type { ProducerContext } from './producer-context.ts';
import { RightOfWay } from './right-of-way.ts';

/**
 * Opens what the loops need, waiting for servers that are not there yet, and checks it: the tables are there
 * and of this version, Redis keeps what it acknowledges.
 *
 * @throws ConfigurationError, BackendSchemaError or SchemaVersionError, each saying how to mend it
 */
export async function openProducer(
  config: ProducerConfig,
  log: Log,
  tracing: Tracing = NO_TRACING,
): Promise<ProducerContext> {
  const apps = readApps(config);
  const { store, fleet, schemaVersion } = await untilServerIsThere({
    server: 'MySQL',
    setting: 'PUSHFLEET_MYSQL_URL',
    open: () => openTables(config),
    isAway: isMysqlAway,
    log,
  });
  const redis = redisFor(config, 'adding', log);
  try {
    if (schemaVersion > SCHEMA_VERSION)
      log.warn(
        { event: 'database.newer', found: schemaVersion, own: SCHEMA_VERSION },
        'the pushfleet_* tables are newer than this producer, and work with it; upgrade it when you can',
      );
    if (!store.backend.dueQueryHasIndex)
      log.warn(
        { event: 'database.indexMissing', statement: dueIndexStatement(store.backend.mapping) },
        `finding due rows reads the whole table; make an index: ${dueIndexStatement(store.backend.mapping)}`,
      );
    await awaitRedis(redis, log);
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
      rightOfWay: new RightOfWay(),
      laneRoom: new LaneRoom(),
      sentWhilePlanned: new Set(),
      tracing,
      log,
    };
  } catch (error) {
    redis.disconnect();
    await store.database.close();
    throw error;
  }
}

async function openTables(config: ProducerConfig) {
  const store = await openStore(config);
  try {
    const { fleet, schemaVersion } = await readFleet(store.database, store.tables);
    return { store, fleet, schemaVersion };
  } catch (error) {
    await store.close();
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
