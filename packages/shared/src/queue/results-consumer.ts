import { DelayedError, type Job, Worker } from 'bullmq';
import { type BatchResult, batchResultSchema, unknownFormat } from '../domain/batch-job.ts';
import { type Log, withoutValues } from '../platform/log.ts';
import type { Stoppable } from '../platform/stop.ts';
import { queuePrefix } from './keys.ts';
import type { RedisClient } from './redis-connection.ts';

export interface ResultsConsumerOptions {
  /** Opened for `working`: it waits for Redis as long as it takes. */
  readonly redis: RedisClient;
  readonly prefix: string;
  readonly app: string;
  /** Records results; when it throws, nothing of them is recorded: they are told again, one by one. */
  readonly record: (results: readonly BatchResult[]) => Promise<void>;
  readonly log: Log;
}

/** Most results in one transaction. */
const GROUP_SIZE = 100;
const GATHER_MS = 10;
/** The same while results keep coming: one transaction for many costs a fraction of one for each. */
const GATHER_BUSY_MS = 40;
const BUSY_WITHIN_MS = 200;
const REST_AFTER_FAILURE_MS = 1_000;
const SAME_FAILURE_MS = 10_000;
/** So many in a row that cannot be recorded alone either: it is not the results that are at fault. */
const FAILURES_IN_A_ROW = 3;
/** How soon another producer may take a result that this one cannot read. */
const HANDED_BACK_MS = 2_000;

/**
 * Takes results off their queue in groups. A result leaves Redis only after it is recorded; one that cannot
 * be recorded now stays, however often its consumer dies, and so does one that only a newer producer can read:
 * dropped, its batch would count as lost and be sent again.
 */
export function consumeResults({ redis, prefix, app, record, log }: ResultsConsumerOptions): Stoppable {
  const gatherer = new Gatherer(record);
  let handedBackTold = Number.NEGATIVE_INFINITY;
  const handBack = async (job: Job<unknown>, lockToken: string | undefined, format: number) => {
    if (performance.now() - handedBackTold > SAME_FAILURE_MS) {
      handedBackTold = performance.now();
      log.error(
        { event: 'result.unknownFormat', jobId: job.id, app, format },
        'a worker is newer than this producer, which cannot read its results; they wait for a newer producer',
      );
    }
    await job.moveToDelayed(Date.now() + HANDED_BACK_MS, lockToken);
    throw new DelayedError();
  };
  const worker = new Worker<unknown>(
    'results',
    async (job, lockToken) => {
      const format = unknownFormat(job.data);
      if (format !== null) await handBack(job, lockToken, format);
      const result = batchResultSchema.safeParse(job.data);
      // Nothing can be recorded of it, now or later; kept, it would only hide that.
      if (!result.success)
        log.error(
          { event: 'result.malformed', jobId: job.id, app },
          'a result does not fit its schema; dropped',
        );
      else
        await gatherer.add(result.data).catch((error: unknown) => {
          throw withoutValues(error); // what is thrown stands in Redis and on the board
        });
    },
    {
      connection: redis,
      prefix: queuePrefix(prefix, app),
      concurrency: 2 * GROUP_SIZE,
      // What a producer that died had in hand is recorded by another one within about 8 s.
      lockDuration: 6_000,
      stalledInterval: 2_000,
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
  let inARow = 0;
  let failures = 0;
  let toldAt = Number.NEGATIVE_INFINITY;
  worker.on('failed', (job, error) => {
    failures++;
    if (performance.now() - toldAt > SAME_FAILURE_MS) {
      toldAt = performance.now();
      log.warn(
        { event: 'result.notRecorded', jobId: job?.id, app, failures, err: error },
        'results cannot be recorded; they are kept',
      );
      failures = 0;
    }
    // One bad result among good ones must not make these wait.
    if (++inARow >= FAILURES_IN_A_ROW) rest();
  });
  worker.on('completed', () => {
    if (inARow >= FAILURES_IN_A_ROW)
      log.info({ event: 'result.recordedAgain', app }, 'results are recorded again');
    inARow = 0;
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

interface Waiting {
  readonly result: BatchResult;
  done(): void;
  failed(error: unknown): void;
}

/**
 * Gathers what comes within some milliseconds into groups, one under way at a time. Of a group that cannot
 * be recorded each result is tried alone: one that MySQL takes amiss must not hold up all others for ever.
 */
class Gatherer {
  readonly #record: ResultsConsumerOptions['record'];
  #waiting: Waiting[] = [];
  #running: Promise<void> | null = null;
  #recordedAt = Number.NEGATIVE_INFINITY;
  #groupIsFull: () => void = () => {};

  constructor(record: ResultsConsumerOptions['record']) {
    this.#record = record;
  }

  add(result: BatchResult): Promise<void> {
    return new Promise((done, failed) => {
      this.#waiting.push({ result, done, failed });
      if (this.#waiting.length >= GROUP_SIZE) this.#groupIsFull();
      this.#running ??= this.#run();
    });
  }

  async idle(): Promise<void> {
    await this.#running;
  }

  async #run(): Promise<void> {
    while (this.#waiting.length > 0) {
      await this.#gather();
      const group = this.#waiting.splice(0, GROUP_SIZE);
      try {
        await this.#record(group.map(({ result }) => result));
        for (const { done } of group) done();
      } catch (error) {
        if (group.length === 1) group[0]!.failed(error);
        else await this.#recordOneByOne(group);
      }
      this.#recordedAt = performance.now();
    }
    this.#running = null;
  }

  #gather(): Promise<void> {
    const isBusy = performance.now() - this.#recordedAt < BUSY_WITHIN_MS;
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, isBusy ? GATHER_BUSY_MS : GATHER_MS);
      this.#groupIsFull = () => {
        clearTimeout(timer);
        resolve();
      };
      if (this.#waiting.length >= GROUP_SIZE) this.#groupIsFull();
    });
  }

  async #recordOneByOne(group: readonly Waiting[]): Promise<void> {
    let failures = 0;
    let last: unknown;
    for (const { result, done, failed } of group) {
      if (failures >= FAILURES_IN_A_ROW) {
        failed(last);
        continue;
      }
      try {
        await this.#record([result]);
        failures = 0;
        done();
      } catch (error) {
        failures++;
        last = error;
        failed(error);
      }
    }
  }
}
