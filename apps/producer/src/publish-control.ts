import { setTimeout as sleep } from 'node:timers/promises';
import { ConfigurationError } from '@pushfleet/shared/platform/config';
import { type ControlCopy, publishControlCopy, readControlCopy } from '@pushfleet/shared/queue/control-copy';
import { readApps, registerApp } from '@pushfleet/shared/store/apps';
import { raiseEpoch, readFleet } from '@pushfleet/shared/store/fleet';
import { readLongQueued } from '@pushfleet/shared/store/lost-batches';
import { readCancelledDispatches } from '@pushfleet/shared/store/settle';
import type { AppQueues, ProducerContext } from './producer-context.ts';

/** Time that workers have to tell what they hold before anything is queued again. */
const WORKERS_SPEAK_MS = 2_000;

/**
 * Publishes what operators decided: the truth is in MySQL, workers read the copy. A copy that is missing
 * tells that Redis was emptied: then workers speak first, and what was lost is queued again after that.
 */
export class ControlPublisher {
  readonly #context: ProducerContext;
  readonly #requeueLost: (queues: AppQueues) => Promise<void>;

  constructor(context: ProducerContext, requeueLost: (queues: AppQueues) => Promise<void>) {
    this.#context = context;
    this.#requeueLost = requeueLost;
  }

  async look(): Promise<void> {
    const { store, redis, config } = this.#context;
    if (redis.status !== 'ready') return;
    const rows = await readApps(store);
    const cancelled = await readCancelledDispatches(store, 1_000);
    for (const queues of this.#context.queues) {
      const row = rows.find(({ app }) => app === queues.app.name);
      if (row === undefined) continue;
      const { epoch } = await readFleet(store.database, store.tables);
      const decided = {
        paused: row.pausedAt !== null,
        ratePerSecond:
          row.ratePerSecond === null ? config.PUSHFLEET_RATE_PER_SECOND : row.ratePerSecond || null,
        topic: row.topic,
        environment: row.environment,
        cancelled,
      };
      await this.#publish(queues, epoch, decided);
    }
  }

  async #publish(
    queues: AppQueues,
    epoch: number,
    decided: Omit<ControlCopy, 'fleet' | 'epoch' | 'phase'>,
  ): Promise<void> {
    const { store, redis, config, fleet, log } = this.#context;
    const prefix = config.PUSHFLEET_REDIS_PREFIX;
    const app = queues.app.name;
    const known = await readControlCopy(redis, prefix, app);
    if (known !== null && known.fleet !== fleet) throw foreignRedis(known.fleet, fleet);
    if (known?.phase === 'ok' && known.epoch === epoch) {
      await publishControlCopy(redis, prefix, app, { fleet, epoch, phase: 'ok', ...decided });
      return;
    }
    const lost = await readLongQueued(store, app, 0, 1);
    if (lost.length === 0) {
      // Nothing was in Redis that could be missing: a new installation, or one at rest.
      await publishControlCopy(redis, prefix, app, { fleet, epoch, phase: 'ok', ...decided });
      return;
    }
    log.warn(
      { event: 'redis.empty', app, epoch },
      'Redis was emptied: it has nothing of this fleet; recovering',
    );
    await raiseEpoch(store.database, store.tables, epoch);
    const raised = (await readFleet(store.database, store.tables)).epoch;
    await publishControlCopy(redis, prefix, app, { fleet, epoch: raised, phase: 'recovering', ...decided });
    await sleep(WORKERS_SPEAK_MS);
    await this.#requeueLost(queues);
    await publishControlCopy(redis, prefix, app, { fleet, epoch: raised, phase: 'ok', ...decided });
    log.info({ event: 'redis.recovered', app, epoch: raised }, 'Redis knows this fleet again');
  }
}

/** Makes the configured apps known in MySQL, and refuses a Redis that belongs to another installation. */
export async function registerApps({ store, redis, config, queues, fleet }: ProducerContext): Promise<void> {
  for (const { app } of queues) {
    await registerApp(store, app.name, app.topic, app.environment);
    const known = await readControlCopy(redis, config.PUSHFLEET_REDIS_PREFIX, app.name);
    if (known !== null && known.fleet !== fleet) throw foreignRedis(known.fleet, fleet);
  }
}

function foreignRedis(found: string, own: string): ConfigurationError {
  return new ConfigurationError([
    `PUSHFLEET_REDIS_URL: this Redis belongs to the fleet ${found}, these tables to ${own}; give this installation another Redis or another PUSHFLEET_REDIS_PREFIX`,
  ]);
}
