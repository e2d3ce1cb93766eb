import { LANES } from '@pushfleet/shared/domain/lanes';
import { readRedisMemory } from '@pushfleet/shared/queue/redis-memory';
import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import { type AppFigures, readFigures } from './app-figures.ts';
import type { ProducerContext } from './producer-context.ts';

const STATES = ['planned', 'queued', 'parked'] as const;
/** Sooner than a scrape gives up (Prometheus' default is 10 s). */
const PATIENCE_MS = 3_000;

/**
 * What Prometheus reads of a producer. Its gauges are read from MySQL and Redis once per scrape; while one of
 * them does not answer, its gauges are missing, `pushfleet_source_up` says so, and all others are there.
 */
export class ProducerMetrics {
  readonly registry = new Registry();
  readonly rowsSkipped: Counter<'cause'>;
  readonly lostBatches: Counter;
  readonly retirements: Counter<'app' | 'reason'>;
  readonly #context: ProducerContext;
  readonly #patienceMs: number;
  readonly #gauges: ReturnType<typeof makeGauges>;
  #reading: Promise<void> | undefined;

  /** @param patienceMs how long a scrape waits for MySQL and Redis */
  constructor(context: ProducerContext, version: string, patienceMs = PATIENCE_MS) {
    this.#context = context;
    this.#patienceMs = patienceMs;
    const registers = [this.registry];
    collectDefaultMetrics({ register: this.registry });
    this.rowsSkipped = new Counter({
      name: 'pushfleet_rows_skipped_total',
      help: 'Due rows that were not sent: too_old for PUSHFLEET_MAX_AGE, or invalid.',
      labelNames: ['cause'],
      registers,
    });
    this.lostBatches = new Counter({
      name: 'pushfleet_lost_batches_requeued_total',
      help: 'Batches that Redis lost and that were queued again.',
      registers,
    });
    this.retirements = new Counter({
      name: 'pushfleet_retirements_total',
      help: 'Device tokens that this producer switched off, by the reason of APNs.',
      labelNames: ['app', 'reason'],
      registers,
    });
    for (const cause of ['too_old', 'invalid']) this.rowsSkipped.inc({ cause }, 0);
    for (const { app } of context.queues)
      for (const reason of context.config.PUSHFLEET_RETIRE_REASONS)
        this.retirements.inc({ app: app.name, reason }, 0);
    this.#gauges = makeGauges(this.registry);
    this.#gauges.buildInfo.set({ version, process: 'producer' }, 1);
  }

  /** Prometheus' text. */
  async text(): Promise<string> {
    // Scrapes at the same time, or behind a server that fell silent, share one reading.
    this.#reading ??= this.#read().finally(() => {
      this.#reading = undefined;
    });
    await this.#reading;
    return this.registry.metrics();
  }

  async #read(): Promise<void> {
    const { sourceUp } = this.#gauges;
    await Promise.all(
      (['mysql', 'redis'] as const).map(async (source) => {
        const show = source === 'mysql' ? this.#readMysql() : this.#readRedis();
        const isUp = await inTime(show, this.#patienceMs);
        if (!isUp) this.#forget(source);
        sourceUp.set({ source }, isUp ? 1 : 0);
      }),
    );
  }

  async #readMysql(): Promise<() => void> {
    const { apps, held, oldestDueSeconds } = await readFigures(this.#context);
    return () => {
      this.#gauges.held.set(held);
      this.#gauges.oldestDue.set(oldestDueSeconds);
      for (const app of apps) this.#showApp(app);
    };
  }

  #showApp(figures: AppFigures): void {
    const { queue, backlog, paused, rate } = this.#gauges;
    const { app, lanes, isPaused, hasBreaker } = figures;
    for (const lane of LANES)
      for (const state of STATES) {
        const work = lanes.find((one) => one.lane === lane && one.state === state);
        queue.set({ app, lane, state }, work?.unsettled ?? 0);
      }
    backlog.set({ app }, isPaused ? 0 : figures.unsettled);
    paused.set({ app, cause: 'operator' }, isPaused ? 1 : 0);
    paused.set({ app, cause: 'breaker' }, hasBreaker ? 1 : 0);
    rate.set({ app }, figures.ratePerSecond);
  }

  async #readRedis(): Promise<() => void> {
    const { used, limit } = await readRedisMemory(this.#context.redis);
    return () => {
      this.#gauges.redisMemory.set({}, used);
      if (limit === null) this.#gauges.redisLimit.remove({});
      else this.#gauges.redisLimit.set({}, limit);
    };
  }

  /** Old figures would look like new ones. */
  #forget(source: 'mysql' | 'redis'): void {
    const { queue, backlog, paused, rate, held, oldestDue, redisMemory, redisLimit } = this.#gauges;
    const ofMysql = [queue, backlog, paused, rate, held, oldestDue];
    for (const gauge of source === 'mysql' ? ofMysql : [redisMemory, redisLimit]) {
      gauge.reset();
      gauge.remove({});
    }
  }
}

function makeGauges(registry: Registry) {
  const gauge = <Label extends string>(name: string, help: string, ...labelNames: Label[]) =>
    new Gauge({ name, help, labelNames, registers: [registry] });
  return {
    queue: gauge(
      'pushfleet_queue_recipients',
      'Recipients without an outcome in batches: planned (in MySQL), queued (in Redis), parked (to be tried again later).',
      'app',
      'lane',
      'state',
    ),
    backlog: gauge(
      'pushfleet_backlog_recipients',
      'Recipients without an outcome; a due notification whose audience is not planned yet counts as one (of rows that no producer has taken yet at most 1000, with the default app). 0 while an operator has paused the app.',
      'app',
    ),
    paused: gauge(
      'pushfleet_paused',
      'operator: 1 while the app is paused; breaker: 1 while APNs refuses a credential or a topic of it, or answers it with 5xx.',
      'app',
      'cause',
    ),
    held: gauge(
      'pushfleet_held_notifications',
      'Notifications that wait for an operator: too many of their device tokens are refused.',
    ),
    oldestDue: gauge(
      'pushfleet_oldest_due_seconds',
      'For how long the oldest notification whose audience is not planned has been due; 0 where there is none.',
    ),
    rate: gauge('pushfleet_rate_limit', 'Pushes per second of the app over the fleet; 0 is no limit.', 'app'),
    redisMemory: gauge(
      'pushfleet_redis_memory_bytes',
      'Memory that Redis uses; of a cluster its fullest node.',
    ),
    redisLimit: gauge(
      'pushfleet_redis_memory_limit_bytes',
      'maxmemory of that Redis, or the memory of its machine where none is set.',
    ),
    sourceUp: gauge(
      'pushfleet_source_up',
      '1 where MySQL and Redis answered this scrape; the gauges of one that did not are missing.',
      'source',
    ),
    buildInfo: gauge('pushfleet_build_info', 'Version of this process.', 'version', 'process'),
  };
}

/** Shows what was read, unless it comes too late or not at all. */
async function inTime(reading: Promise<() => void>, patienceMs: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<null>((resolve) => {
    timer = setTimeout(() => resolve(null), patienceMs);
  });
  const show = await Promise.race([reading.catch(() => null), late]);
  clearTimeout(timer);
  show?.();
  return show !== null;
}
