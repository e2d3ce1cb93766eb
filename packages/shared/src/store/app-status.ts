import { readApps } from './apps.ts';
import { readAppBreakers } from './breakers.ts';
import { isoTime } from './status.ts';
import type { Store } from './store.ts';

/** One app as `pushfleet status --json` prints it. */
export interface AppStatus {
  readonly app: string;
  readonly topic: string;
  readonly environment: string;
  readonly paused: boolean;
  readonly pausedBy: string | null;
  /** ISO 8601 in UTC. */
  readonly pausedAt: string | null;
  /** What APNs refuses: workers with this credential send nothing (to this topic) but a probe now and then. */
  readonly stopped: readonly {
    /** ISO 8601 in UTC. */
    readonly since: string;
    readonly reason: string;
    /** Digest of the credential, as workers print it when they start. */
    readonly credential: string;
    /** Null: everything. */
    readonly topic: string | null;
  }[];
  /** Pushes per second over the fleet; null is no limit. */
  readonly ratePerSecond: number | null;
  /** Who decided the rate: an operator's command, or PUSHFLEET_RATE_PER_SECOND as this tool sees it. */
  readonly rateFrom: 'operator' | 'settings';
  /** Notifications that wait for an operator's decision. */
  readonly heldNotifications: number;
}

/** @param settingsRate what applies where no operator has set a rate; null is no limit */
export async function readAppStatus(store: Store, settingsRate: number | null): Promise<AppStatus[]> {
  const { database, tables } = store;
  const held = await database.arrays(
    `SELECT app, COUNT(*) FROM ${tables.dispatch} WHERE state = 'held' GROUP BY app`,
  );
  const heldOf = new Map(held.map(([app, count]) => [String(app), Number(count)]));
  const stopped = new Map((await readAppBreakers(store)).map(({ app, breakers }) => [app, breakers]));
  const apps = await readApps(store);
  return apps.map(({ app, topic, environment, ratePerSecond, pausedBy, pausedAt }) => ({
    app,
    topic,
    environment,
    paused: pausedAt !== null,
    pausedBy,
    pausedAt: isoTime(pausedAt),
    stopped: (stopped.get(app) ?? []).map(({ since, reason, credential, topic }) => ({
      since: new Date(since).toISOString(),
      reason,
      credential,
      topic,
    })),
    // An operator's 0 is "off": no limit.
    ratePerSecond: ratePerSecond === null ? settingsRate : ratePerSecond === 0 ? null : ratePerSecond,
    rateFrom: ratePerSecond === null ? 'settings' : 'operator',
    heldNotifications: heldOf.get(app) ?? 0,
  }));
}
