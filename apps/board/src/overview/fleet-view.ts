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

/** Everything that the overview shows, at one moment. */
export interface FleetView {
  readonly apps: readonly AppStatus[];
  /** What is planned and not settled, by app and lane. */
  readonly lanes: readonly LaneFigures[];
  readonly held: readonly HeldNotification[];
  readonly running: readonly NotificationStatus[];
  readonly waiting: readonly NotificationStatus[];
  readonly ended: readonly NotificationStatus[];
  readonly workers: readonly (SeenBeat & { readonly app: string })[];
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

/** Looks for all pages and tabs at once. */
export class FleetWatch {
  readonly #ended = new EndedStatuses();
  readonly #pace = new Pace();
  readonly #shared = new SharedLook(() => this.#look(), BEAT_EVERY_MS - 200);

  constructor(private readonly sources: FleetSources) {}

  /** @throws what MySQL or Redis throws; the next one looks again */
  read(): Promise<FleetView> {
    return this.#shared.read();
  }

  /** After a change: what was seen before it is not shown any more. */
  forget(): void {
    this.#shared.forget();
  }

  async #look(): Promise<FleetView> {
    const { redis, prefix, apps, rules } = this.sources;
    const store = await this.sources.store();
    const status = await readAppStatus(store, null);
    const names = [...new Set([...apps, ...status.map(({ app }) => app)])];
    const [lanes, held, running, { waiting }, ended, retired, log, beats] = await Promise.all([
      readLanes(store, names),
      readHeldNotifications(store, 20),
      readRunningStatus(store, 12),
      readWaitingStatus(store, 5, { ...rules, now: Date.now() }),
      readEndedStatus(store, 15, this.#ended),
      readRetiredDevices(store, 8),
      readCommandLog(store, 10),
      Promise.all(
        names.map(async (app) => (await readBeats(redis, prefix, app)).map((beat) => ({ ...beat, app }))),
      ),
    ]);
    const workers = beats.flat();
    this.#pace.add(Date.now(), new Map(workers.map((beat) => [beat.worker, beat.answered])));
    return {
      ...{ apps: status, lanes, held, running, waiting, ended, workers, retired, log },
      pace: [...this.#pace.points],
    };
  }
}
