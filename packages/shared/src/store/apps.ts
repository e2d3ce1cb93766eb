import type { Store } from './store.ts';

/** One app with what operators decided about it. */
export interface AppRow {
  readonly app: string;
  readonly topic: string;
  readonly environment: 'production' | 'sandbox';
  /** Operator's rate; 0 is off, null leaves it to the settings. */
  readonly ratePerSecond: number | null;
  readonly pausedBy: string | null;
  readonly pausedAt: string | null;
  /** How often its part of Redis was found empty, from 1. */
  readonly redisEpoch: number;
}

/** Makes the app known, and keeps its topic and environment as the settings have them. */
export async function registerApp(
  { database, tables }: Pick<Store, 'database' | 'tables'>,
  app: string,
  topic: string,
  environment: string,
): Promise<void> {
  await database.change(
    `INSERT INTO ${tables.app} (app, topic, environment, updated_at) VALUES (?, ?, ?, UTC_TIMESTAMP(3))
     ON DUPLICATE KEY UPDATE topic = VALUES(topic), environment = VALUES(environment), updated_at = VALUES(updated_at)`,
    [app, topic, environment],
  );
}

export async function readApps({ database, tables }: Pick<Store, 'database' | 'tables'>): Promise<AppRow[]> {
  return database.rows<AppRow>(
    `SELECT app, topic, environment, rate_per_second AS ratePerSecond, paused_by AS pausedBy, paused_at AS pausedAt,
            redis_epoch AS redisEpoch
       FROM ${tables.app} ORDER BY app`,
  );
}

export async function pauseApp({ database, tables }: Store, app: string, by: string): Promise<boolean> {
  const matched = await database.change(
    `UPDATE ${tables.app} SET paused_at = COALESCE(paused_at, UTC_TIMESTAMP(3)), paused_by = COALESCE(paused_by, ?),
            updated_at = UTC_TIMESTAMP(3) WHERE app = ?`,
    [by, app],
  );
  return matched > 0;
}

export async function resumeApp({ database, tables }: Store, app: string): Promise<boolean> {
  const matched = await database.change(
    `UPDATE ${tables.app} SET paused_at = NULL, paused_by = NULL, updated_at = UTC_TIMESTAMP(3) WHERE app = ?`,
    [app],
  );
  return matched > 0;
}

/** @param rate pushes per second; 0 is off, null the settings' default */
export async function setAppRate(
  { database, tables }: Store,
  app: string,
  rate: number | null,
): Promise<boolean> {
  const matched = await database.change(
    `UPDATE ${tables.app} SET rate_per_second = ?, updated_at = UTC_TIMESTAMP(3) WHERE app = ?`,
    [rate, app],
  );
  return matched > 0;
}

/**
 * Raises the epoch of an app once, however many producers saw the same empty Redis.
 * @returns true for the one that raised it
 */
export async function raiseEpoch({ database, tables }: Store, app: string, seen: number): Promise<boolean> {
  const matched = await database.change(
    `UPDATE ${tables.app} SET redis_epoch = redis_epoch + 1, updated_at = UTC_TIMESTAMP(3) WHERE app = ? AND redis_epoch = ?`,
    [app, seen],
  );
  return matched === 1;
}

/** Follows a Redis that knows a later epoch: MySQL was restored or has lost its last commits. */
export async function adoptEpoch({ database, tables }: Store, app: string, epoch: number): Promise<void> {
  await database.change(
    `UPDATE ${tables.app} SET redis_epoch = GREATEST(redis_epoch, ?), updated_at = UTC_TIMESTAMP(3) WHERE app = ?`,
    [epoch, app],
  );
}
