import type { RedisClient } from '@pushfleet/shared/queue/redis-connection';
import { BEAT_EVERY_MS, readBeats, type SeenBeat } from '@pushfleet/shared/queue/worker-beats';
import { type AppStatus, readAppStatus } from '@pushfleet/shared/store/app-status';
import { type LoggedCommand, readCommandLog } from '@pushfleet/shared/store/command-log';
import { EndedStatuses } from '@pushfleet/shared/store/ended-statuses';
import { type LaneFigures, readLanes } from '@pushfleet/shared/store/fleet-figures';
import { type HeldNotification, readHeldNotifications } from '@pushfleet/shared/store/held-notifications';
import { type RetiredDevice, readRetiredDevices } from '@pushfleet/shared/store/retirements';
import {
  type NotificationStatus,
  readEndedStatus,
  readRunningStatus,
  readWaitingStatus,
  type StatusRules,
} from '@pushfleet/shared/store/status';
import type { Store } from '@pushfleet/shared/store/store';
import { Pace } from './pace.ts';
import { SharedLook } from './shared-look.ts';

type WorkerLine = SeenBeat & { readonly app: string };

/** Everything that the overview shows, at one moment. */
export interface FleetView {
  readonly apps: readonly AppStatus[];
  /** What is planned and not settled, by app and lane. */
  readonly lanes: readonly LaneFigures[];
  readonly held: readonly HeldNotification[];
  readonly running: readonly NotificationStatus[];
  readonly waiting: readonly NotificationStatus[];
  readonly ended: readonly NotificationStatus[];
  /** Null: Redis does not answer, so nobody knows. */
  readonly workers: readonly WorkerLine[] | null;
  readonly retired: readonly RetiredDevice[];
  readonly log: readonly LoggedCommand[];
  /** Seconds since 1970 and answers per second, oldest first. */
  readonly pace: readonly (readonly [number, number])[];
}

export interface FleetSources {
  readonly store: () => Promise<Store>;
  readonly redis: RedisClient;
  readonly prefix: string;
  readonly apps: readonly string[];
  readonly rules: Omit<StatusRules, 'now'>;
}

/** What a person waits for: behind these nobody answers any more. */
const MYSQL_WITHIN_MS = 6_000;
const REDIS_WITHIN_MS = 2_000;
const EVERY_MS = BEAT_EVERY_MS - 200;

/**
 * Looks for all pages and tabs at once. Into MySQL and into Redis apart: without Redis the workers are unknown, and
 * all the rest is as it was.
 */
export class FleetWatch {
  readonly #ended = new EndedStatuses();
  readonly #pace = new Pace();
  readonly #fleet = new SharedLook(() => this.#look(), { everyMs: EVERY_MS, withinMs: MYSQL_WITHIN_MS });
  readonly #workers = new SharedLook(() => this.#hear(), { everyMs: EVERY_MS, withinMs: REDIS_WITHIN_MS });
  /** A look that took long rests long, and MySQL may go away in the meantime. */
  readonly #mysql = new SharedLook(() => this.#ask(), { everyMs: EVERY_MS, withinMs: MYSQL_WITHIN_MS });
  #names: readonly string[];

  constructor(private readonly sources: FleetSources) {
    this.#names = sources.apps;
  }

  /** Since when MySQL gives no look: milliseconds since 1970, null while it does. */
  get failingSince(): number | null {
    return this.#mysql.failingSince ?? this.#fleet.failingSince;
  }

  /** @throws what MySQL throws; the next one looks again */
  async read(): Promise<FleetView> {
    const [fleet, workers] = await Promise.all([
      this.#fleet.read(),
      this.#workers.read().catch(() => null),
      this.#mysql.read(),
    ]);
    return { ...fleet, workers, pace: [...this.#pace.points] };
  }

  /** After a change: what was seen before it is not shown any more. */
  forget(): void {
    this.#fleet.forget();
  }

  async #look(): Promise<Omit<FleetView, 'workers' | 'pace'>> {
    const { apps: configured, rules } = this.sources;
    const store = await this.sources.store();
    const apps = await readAppStatus(store, null);
    this.#names = [...new Set([...configured, ...apps.map(({ app }) => app)])];
    const [lanes, held, running, { waiting }, ended, retired, log] = await Promise.all([
      readLanes(store, this.#names),
      readHeldNotifications(store, 20),
      readRunningStatus(store, 12),
      readWaitingStatus(store, 5, { ...rules, now: Date.now() }),
      readEndedStatus(store, 15, this.#ended),
      readRetiredDevices(store, 8),
      readCommandLog(store, 10),
    ]);
    return { apps, lanes, held, running, waiting, ended, retired, log };
  }

  async #ask(): Promise<void> {
    const { database } = await this.sources.store();
    await database.arrays('SELECT 1');
  }

  /** What the workers say of themselves. */
  async #hear(): Promise<WorkerLine[]> {
    const { redis, prefix } = this.sources;
    const beats = await Promise.all(
      this.#names.map(async (app) => (await readBeats(redis, prefix, app)).map((beat) => ({ ...beat, app }))),
    );
    const workers = beats.flat();
    this.#pace.add(Date.now(), new Map(workers.map((beat) => [beat.worker, beat.answered])));
    return workers;
  }
}
