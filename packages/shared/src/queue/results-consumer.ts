import { Worker } from 'bullmq';
import { type BatchResult, batchResultSchema } from '../domain/batch-job.ts';
import type { Log } from '../platform/log.ts';
import type { Stoppable } from '../platform/stop.ts';
import { queuePrefix } from './keys.ts';
import type { RedisClient } from './redis-connection.ts';

export interface ResultsConsumerOptions {
  /** Opened for `working`: it waits for Redis as long as it takes. */
  readonly redis: RedisClient;
  readonly prefix: string;
  readonly app: string;
  /** Records results; when it throws, all of them are kept and told again. */
  readonly record: (results: readonly BatchResult[]) => Promise<void>;
  readonly log: Log;
}

/** Most results in one transaction. */
const GROUP_SIZE = 100;
const GATHER_MS = 10;
const REST_AFTER_FAILURE_MS = 1_000;

/**
 * Takes results off their queue in groups. A result leaves Redis only after it is recorded; one that cannot
 * be recorded now stays, however often its consumer dies.
 */
export function consumeResults({ redis, prefix, app, record, log }: ResultsConsumerOptions): Stoppable {
  const gatherer = new Gatherer(record);
  const worker = new Worker<unknown>(
    'results',
    async (job) => {
      const result = batchResultSchema.safeParse(job.data);
      // Nothing can be recorded of it, now or later; kept, it would only hide that.
      if (!result.success)
        log.error(
          { event: 'result.malformed', jobId: job.id, app },
          'a result does not fit its schema; dropped',
        );
      else await gatherer.add(result.data);
    },
    {
      connection: redis,
      prefix: queuePrefix(prefix, app),
      concurrency: 2 * GROUP_SIZE,
      lockDuration: 30_000,
      stalledInterval: 5_000,
      maxStalledCount: 1_000_000,
      drainDelay: 1,
      skipVersionCheck: true,
    },
  );
  let resting = false;
  const rest = () => {
    if (resting) return;
    resting = true;
    worker.pause(true);
    setTimeout(() => {
      resting = false;
      worker.resume();
    }, REST_AFTER_FAILURE_MS).unref();
  };
  let failures = 0;
  worker.on('failed', (job, error) => {
    if (failures++ === 0)
      log.warn(
        { event: 'result.notRecorded', jobId: job?.id, app, err: error },
        'results cannot be recorded; they are kept',
      );
    rest();
  });
  worker.on('completed', () => {
    if (failures > 0)
      log.info({ event: 'result.recordedAgain', app, failures }, 'results are recorded again');
    failures = 0;
  });
  // A command that Redis refuses (full, read-only) would be repeated at once and for ever.
  worker.on('error', rest);
  return {
    name: `results of ${app}`,
    async stop(remainingMs) {
      worker.pause(true);
      const idle = gatherer.idle();
      await Promise.race([idle, new Promise((resolve) => setTimeout(resolve, remainingMs).unref())]);
      // close() waits for ever while Redis is away; a result that is not acknowledged is told again.
      const closed = worker.close(redis.status !== 'ready');
      await Promise.race([
        closed,
        new Promise((resolve) => setTimeout(resolve, Math.min(remainingMs, 3_000)).unref()),
      ]);
    },
  };
}

/** Gathers what comes within some milliseconds into groups, one under way at a time. */
class Gatherer {
  readonly #record: ResultsConsumerOptions['record'];
  #waiting: { result: BatchResult; done: () => void; failed: (error: unknown) => void }[] = [];
  #running: Promise<void> | null = null;

  constructor(record: ResultsConsumerOptions['record']) {
    this.#record = record;
  }

  add(result: BatchResult): Promise<void> {
    return new Promise((done, failed) => {
      this.#waiting.push({ result, done, failed });
      this.#running ??= this.#run();
    });
  }

  async idle(): Promise<void> {
    await this.#running;
  }

  async #run(): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, GATHER_MS));
    while (this.#waiting.length > 0) {
      const group = this.#waiting.splice(0, GROUP_SIZE);
      try {
        await this.#record(group.map(({ result }) => result));
        for (const { done } of group) done();
      } catch (error) {
        for (const { failed } of group) failed(error);
      }
    }
    this.#running = null;
  }
}
