import { setTimeout as sleep } from 'node:timers/promises';
import { LANES, type Lane } from '@pushfleet/shared/domain/lanes';
import type { Log } from '@pushfleet/shared/platform/log';
import type { RedisClient } from '@pushfleet/shared/queue/redis-connection';
import type { LaneGate } from './lane-gate.ts';
import { type JobEnd, type LaneJob, LaneWorker } from './lane-worker.ts';
import type { RunHold } from './run-hold.ts';

export interface LanesOptions {
  readonly redis: RedisClient;
  readonly prefix: string;
  readonly app: string;
  readonly maxInFlight: number;
  readonly gate: LaneGate;
  readonly process: (lane: Lane, job: LaneJob, hold: RunHold) => Promise<JobEnd>;
  /** How long lanes may stand still before they count as stuck. Default a minute. */
  readonly stuckAfterMs?: number;
  readonly log: Log;
}

/** Enough small batches at once to fill the send window, of either lane. */
const MAX_JOBS = 128;
const REDIS_PAUSE_MS = 1_000;
const SAME_REFUSAL_MS = 30_000;
const STUCK_AFTER_MS = 60_000;
/** For the connection, Redis and the log, after the lanes. */
const LEFT_FOR_OTHERS_MS = 2_000;
/** For checkpoint, result and hand-back, after the last answer. */
const LEFT_FOR_HANDING_BACK_MS = 1_500;
const ANSWERS_MS = 8_000;

/** Both lanes of this worker, open while the gate is. */
export class Lanes {
  readonly #workers: readonly LaneWorker[];
  #redisTimer: NodeJS.Timeout | undefined;
  #refusalToldAt = Number.NEGATIVE_INFINITY;
  #movedAt = performance.now();

  constructor(private readonly options: LanesOptions) {
    // Five windows full, of large windows two: while batches wait for their last answers, and for Redis to take their
    // results, others must keep the window full; those that begin together also end together.
    const { maxInFlight } = options;
    const maxRecipients = Math.max(2_000, 2 * maxInFlight, Math.min(5 * maxInFlight, 5_000));
    this.#workers = LANES.map(
      (lane) =>
        new LaneWorker({
          ...options,
          lane,
          maxJobs: MAX_JOBS,
          maxRecipients,
          process: (job, hold) => this.#process(lane, job, hold),
          onRedisRefuses: (error) => this.#onRedisRefuses(error),
        }),
    );
    options.gate.onChange((change) => {
      this.moved();
      for (const worker of this.#workers) {
        if (change.isOpen) worker.open();
        else worker.close(change.closedBy);
      }
      const { causes } = options.gate;
      options.log.info(
        { event: change.isOpen ? 'lanes.opened' : 'lanes.closed', app: options.app, causes },
        change.isOpen ? 'taking jobs' : 'taking no jobs',
      );
    });
    if (options.gate.isOpen) for (const worker of this.#workers) worker.open();
  }

  get running(): number {
    return this.#workers.reduce((sum, worker) => sum + worker.running, 0);
  }

  /** Something came of the jobs: an answer, a start, an end. */
  moved(mono = performance.now()): void {
    this.#movedAt = mono;
  }

  /**
   * Null, or why the lanes stand still although they are open and Redis can be reached: one does not ask for
   * jobs, or those that run do not go on. APNs answers or is given up within seconds, and a rate lets some
   * push through each second: nothing at all for so long is a run that waits for what does not come.
   */
  stuck(): string | null {
    const { gate, redis, stuckAfterMs = STUCK_AFTER_MS } = this.options;
    if (!gate.isOpen || redis.status !== 'ready') return null;
    const deaf = this.#workers.find((worker) => worker.deafForMs > stuckAfterMs);
    if (deaf !== undefined) return `the ${deaf.lane} lane has no connection to wait for jobs on`;
    const stillForMs = performance.now() - this.#movedAt;
    if (this.running === 0 || stillForMs <= stuckAfterMs) return null;
    return `${this.running} jobs run, and nothing has come of them for ${Math.round(stillForMs / 1_000)} s`;
  }

  /** While a probe is due each lane takes one job. */
  set oneAtATime(only: boolean) {
    for (const worker of this.#workers) worker.oneAtATime = only;
  }

  /** What runs at the moment waits for its answers until then (performance.now() milliseconds). */
  drainUntil(mono: number): void {
    for (const worker of this.#workers) worker.drainUntil(mono);
  }

  /**
   * Takes no more, waits for the answers in flight, hands back what is left, lets go of Redis. In time
   * also while Redis is away: what could not be handed back is taken over when its lock runs out.
   */
  async stop(remainingMs: number): Promise<void> {
    clearTimeout(this.#redisTimer);
    const until = performance.now() + Math.max(0, remainingMs - LEFT_FOR_OTHERS_MS);
    const answersUntil = Math.min(performance.now() + ANSWERS_MS, until - LEFT_FOR_HANDING_BACK_MS);
    this.options.gate.close('stopping');
    // A fetch under way may bring one more job; it is handed back at once.
    for (const worker of this.#workers) worker.drainUntil(answersUntil);
    while (this.#workers.some((worker) => !worker.isIdle) && performance.now() < until) await sleep(5);
    await Promise.race([Promise.all(this.#workers.map((worker) => worker.disconnect())), sleep(500)]);
  }

  async #process(lane: Lane, job: LaneJob, hold: RunHold): Promise<JobEnd> {
    this.moved();
    return this.options.process(lane, job, hold).finally(() => this.moved());
  }

  /** Without a pause an idle lane would ask some thousand times a second. */
  #onRedisRefuses(error: Error): void {
    const { gate, log } = this.options;
    // Each second it is tried again, and refused again: one line says it for a while.
    if (performance.now() - this.#refusalToldAt > SAME_REFUSAL_MS) {
      this.#refusalToldAt = performance.now();
      log.error({ event: 'redis.refuses', err: error }, 'Redis refuses commands; trying again each second');
    }
    gate.close('redis');
    clearTimeout(this.#redisTimer);
    this.#redisTimer = setTimeout(() => gate.withdraw('redis'), REDIS_PAUSE_MS);
  }
}
