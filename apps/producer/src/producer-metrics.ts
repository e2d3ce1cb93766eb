import { LANES } from '@pushfleet/shared/domain/lanes';
import { readApps } from '@pushfleet/shared/store/apps';
import { readBacklog } from '@pushfleet/shared/store/backlog';
import { readAppBreakers } from '@pushfleet/shared/store/breakers';
import { countHeld } from '@pushfleet/shared/store/holds';
import { readLaneLoad } from '@pushfleet/shared/store/ready-batches';
import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import type { ProducerContext } from './producer-context.ts';

/** What Prometheus reads of a producer. Gauges are read from MySQL when they are asked for. */
export class ProducerMetrics {
  readonly registry = new Registry();
  readonly rowsSkipped: Counter<'cause'>;
  readonly lostBatches: Counter;

  constructor(context: ProducerContext) {
    const registers = [this.registry];
    collectDefaultMetrics({ register: this.registry });
    this.rowsSkipped = new Counter({
      name: 'pushfleet_rows_skipped_total',
      help: 'Due rows that were not sent',
      labelNames: ['cause'],
      registers,
    });
    this.lostBatches = new Counter({
      name: 'pushfleet_lost_batches_requeued_total',
      help: 'Batches that Redis lost and that were queued again',
      registers,
    });
    new Gauge({
      name: 'pushfleet_queue_recipients',
      help: 'Recipients in the lanes',
      labelNames: ['app', 'lane', 'state'],
      registers,
      async collect() {
        for (const { app } of context.queues) {
          for (const lane of LANES)
            this.set(
              { app: app.name, lane, state: 'queued' },
              (await readLaneLoad(context.store, app.name, lane)).recipients,
            );
        }
      },
    });
    new Gauge({
      name: 'pushfleet_backlog_recipients',
      help: 'Planned recipients that wait; 0 while the app is paused',
      labelNames: ['app'],
      registers,
      async collect() {
        const apps = await readApps(context.store);
        for (const { app, pausedAt } of apps)
          this.set({ app }, pausedAt === null ? await readBacklog(context.store, app) : 0);
      },
    });
    new Gauge({
      name: 'pushfleet_paused',
      help: '1 while an operator has paused the app, or APNs refuses a credential of it',
      labelNames: ['app', 'cause'],
      registers,
      async collect() {
        for (const { app, pausedAt } of await readApps(context.store))
          this.set({ app, cause: 'operator' }, pausedAt === null ? 0 : 1);
        for (const { app, breakers } of await readAppBreakers(context.store))
          this.set({ app, cause: 'breaker' }, breakers.some(({ topic }) => topic === null) ? 1 : 0);
      },
    });
    new Gauge({
      name: 'pushfleet_held_notifications',
      help: 'Notifications that wait for an operator: too many of their device tokens are refused',
      registers,
      async collect() {
        this.set(await countHeld(context.store));
      },
    });
    new Gauge({
      name: 'pushfleet_rate_limit',
      help: 'Pushes per second of the app over the fleet; 0 is no limit',
      labelNames: ['app'],
      registers,
      async collect() {
        for (const { app, ratePerSecond } of await readApps(context.store))
          this.set({ app }, ratePerSecond ?? context.config.PUSHFLEET_RATE_PER_SECOND ?? 0);
      },
    });
  }
}
