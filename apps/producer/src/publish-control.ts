import { setTimeout as sleep } from 'node:timers/promises';
import { ConfigurationError } from '@pushfleet/shared/platform/config';
import { killPoint } from '@pushfleet/shared/platform/kill-point';
import {
  announceRecovery,
  type ControlCopy,
  createControlCopy,
  readControlCopy,
  refreshControlCopy,
} from '@pushfleet/shared/queue/control-copy';
import { ServerRun } from '@pushfleet/shared/queue/server-run';
import { type AppRow, adoptEpoch, raiseEpoch, readApps, registerApp } from '@pushfleet/shared/store/apps';
import { readHeldInRedis } from '@pushfleet/shared/store/holds';
import { readLongQueued } from '@pushfleet/shared/store/lost-batches';
import { readCancelledDispatches } from '@pushfleet/shared/store/settle';
import type { Store } from '@pushfleet/shared/store/store';
import type { AppQueues, ProducerContext } from './producer-context.ts';
import { WORKERS_SPEAK_MS } from './reconcile.ts';
import { removeRisenJobs } from './risen-jobs.ts';

/** Most cancelled, and most held, dispatches that the copy names; more wait for the first ones to end. */
const STOPPED_AT_MOST = 1_000;
/** Less than a worker waits for the look. */
const LOCKED_AT_MOST_MS = 6_000;
/** A recovery that takes longer was left by a producer that died. */
const RECOVERY_MS = 15_000;

/**
 * Publishes what operators decided: the truth is in MySQL, workers read the copy. A copy that is missing
 * tells that Redis was emptied: then workers speak first, and what was lost is queued again after that.
 */
export class ControlPublisher {
  readonly #context: ProducerContext;
  readonly #requeueLost: (queues: AppQueues) => Promise<void>;
  readonly #server: ServerRun;
  /** Runs of the Redis server that were looked through for older data, by app. */
  readonly #lookedThrough = new Map<
    string,
    { readonly server: string | null; readonly since: number; readonly done: boolean }
  >();
  /** Recoveries of this producer that failed half way. */
  readonly #abandoned = new Set<string>();
  /** Recoveries by other producers, since when they were seen. */
  readonly #recovering = new Map<string, { readonly epoch: number; readonly since: number }>();

  constructor(context: ProducerContext, requeueLost: (queues: AppQueues) => Promise<void>) {
    this.#context = context;
    this.#requeueLost = requeueLost;
    this.#server = new ServerRun(context.redis);
  }

  /** A recovery takes seconds: apps do not wait for each other's. */
  async look(): Promise<void> {
    const { store, redis, queues } = this.#context;
    if (redis.status !== 'ready') return;
    const rows = await readApps(store);
    const stopped = await readStopped(store);
    const looks = await Promise.allSettled(
      queues.map(async (own) => {
        const row = rows.find(({ app }) => app === own.app.name);
        if (row !== undefined) await this.#publish(own, row, stopped);
      }),
    );
    const failed = looks.find((one) => one.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
  }

  /** @param row read before the copy: whoever raised the epoch since has published it, too */
  async #publish(queues: AppQueues, row: AppRow, stopped: StoppedDispatches): Promise<void> {
    const { store, redis, config, fleet } = this.#context;
    const app = queues.app.name;
    const prefix = config.PUSHFLEET_REDIS_PREFIX;
    const epoch = row.redisEpoch;
    const known = await readControlCopy(redis, prefix, app);
    if (known !== null && known.fleet !== fleet) throw foreignRedis(known.fleet, fleet);
    if (known !== null && known.epoch > epoch) return adoptEpoch(store, app, known.epoch);
    const server = await this.#server.id();
    const copy = this.#copyOf(row, 'ok', stopped, server);
    if (known?.epoch === epoch && known.phase === 'ok') {
      const isKnown = known.server === server || (await this.#lookThrough(queues, server));
      const told = isKnown ? copy : { ...copy, server: known.server };
      // Refused when Redis was emptied since it was read: the next look finds no copy, and recovers.
      await refreshControlCopy(redis, prefix, app, told, known);
      killPoint('producer.afterControl');
      return;
    }
    if (known?.epoch === epoch && this.#isRecovering(app, epoch)) return;
    // Nothing queued: nothing was in Redis that could be missing. A new installation, or one at rest.
    const nothingQueued = known === null && (await readLongQueued(store, app, 0, 1)).length === 0;
    if (nothingQueued && epoch === 1) await createControlCopy(redis, prefix, app, copy);
    else await this.#recover(queues, row, stopped);
  }

  async #recover(queues: AppQueues, row: AppRow, stopped: StoppedDispatches): Promise<void> {
    const { store, redis, config, log } = this.#context;
    const prefix = config.PUSHFLEET_REDIS_PREFIX;
    const app = row.app;
    // Of several producers that see the same empty Redis one recovers it.
    if (!(await raiseEpoch(store, app, row.redisEpoch))) return;
    killPoint('producer.afterEpoch');
    const epoch = row.redisEpoch + 1;
    log.warn(
      { event: 'redis.empty', app, epoch },
      'Redis was emptied: it has nothing of this fleet; recovering',
    );
    const server = await this.#server.id();
    const recovering = this.#copyOf({ ...row, redisEpoch: epoch }, 'recovering', stopped, server);
    try {
      if (!(await announceRecovery(redis, prefix, app, recovering))) return;
      killPoint('producer.inRecovery');
      await sleep(WORKERS_SPEAK_MS);
      // A copy that is older than what MySQL knows is not emptied, but set back.
      await removeRisenJobs(this.#context, queues);
      await this.#requeueLost(queues);
      killPoint('producer.afterRequeue');
      // What operators decided meanwhile must be in the copy that lets workers go on.
      const now = (await readApps(store)).find((one) => one.app === app) ?? row;
      const nowStopped = await readStopped(store);
      const copy = this.#copyOf({ ...now, redisEpoch: epoch }, 'ok', nowStopped, server);
      // Refused when it was emptied once more: the next look begins again.
      if (!(await refreshControlCopy(redis, prefix, app, copy, recovering))) return;
    } catch (error) {
      this.#abandoned.add(`${app} ${epoch}`); // by nobody but this producer: it begins again at once
      throw error;
    }
    log.info({ event: 'redis.recovered', app, epoch }, 'Redis knows this fleet again');
  }

  /**
   * Once for each run of the server; a job that a worker still holds is looked at again until its lock must
   * have run out or its worker has handed it back.
   *
   * @returns whether workers may take jobs from it
   */
  async #lookThrough(queues: AppQueues, server: string | null): Promise<boolean> {
    const app = queues.app.name;
    const seen = this.#lookedThrough.get(app);
    if (seen?.server === server && seen.done) return true;
    const since = seen?.server === server ? seen.since : performance.now();
    const { locked } = await removeRisenJobs(this.#context, queues);
    const done = locked === 0 || performance.now() - since > LOCKED_AT_MOST_MS;
    this.#lookedThrough.set(app, { server, since, done });
    return done;
  }

  /** Whether another producer may still be at it; false once it has taken too long. */
  #isRecovering(app: string, epoch: number): boolean {
    if (this.#abandoned.delete(`${app} ${epoch}`)) return false;
    const seen = this.#recovering.get(app);
    if (seen?.epoch === epoch) return performance.now() - seen.since < RECOVERY_MS;
    this.#recovering.set(app, { epoch, since: performance.now() });
    return true;
  }

  #copyOf(
    row: AppRow,
    phase: ControlCopy['phase'],
    stopped: StoppedDispatches,
    server: string | null,
  ): ControlCopy {
    const { config, fleet } = this.#context;
    return {
      fleet,
      epoch: row.redisEpoch,
      phase,
      paused: row.pausedAt !== null,
      ratePerSecond:
        row.ratePerSecond === null ? config.PUSHFLEET_RATE_PER_SECOND : row.ratePerSecond || null,
      topic: row.topic,
      environment: row.environment,
      server,
      ...stopped,
    };
  }
}

interface StoppedDispatches {
  readonly cancelled: number[];
  readonly held: number[];
}

async function readStopped(store: Store): Promise<StoppedDispatches> {
  return {
    cancelled: await readCancelledDispatches(store, STOPPED_AT_MOST),
    held: await readHeldInRedis(store, STOPPED_AT_MOST),
  };
}

/** Makes the configured apps known in MySQL, and refuses a Redis that belongs to another installation. */
export async function registerApps({ store, redis, config, queues, fleet }: ProducerContext): Promise<void> {
  for (const { app } of queues) {
    await registerApp(store, app.name, app.topic, app.environment);
    const known = await readControlCopy(redis, config.PUSHFLEET_REDIS_PREFIX, app.name);
    if (known !== null && known.fleet !== fleet) throw foreignRedis(known.fleet, fleet);
  }
}

/** Two installations with the same keys: each would recover what it takes for a wiped Redis of its own. */
export function foreignRedis(found: string, own: string): ConfigurationError {
  return new ConfigurationError([
    `PUSHFLEET_REDIS_URL: this Redis belongs to the fleet ${found}, these tables to ${own}; give this installation another Redis or another PUSHFLEET_REDIS_PREFIX`,
  ]);
}
