import type { Lane } from '@pushfleet/shared/domain/lanes';
import { killPoint } from '@pushfleet/shared/platform/kill-point';
import type { Log } from '@pushfleet/shared/platform/log';
import type { RedisClient } from '@pushfleet/shared/queue/redis-connection';
import { DelayedError, type Job, UnrecoverableError, WaitingError } from 'bullmq';
import { BullWorker, LOCK_DURATION_MS } from './bull-worker.ts';
import { JobBudget, recipientsOf } from './job-budget.ts';
import { LockKeeper } from './lock-keeper.ts';
import { type HaltCause, RunHold } from './run-hold.ts';

/** A job that this worker has locked, without BullMQ's types. */
export interface LaneJob {
  readonly id: string;
  readonly data: unknown;
  readonly lockToken: string;
  readonly attemptsStarted: number;
  readonly attemptsMade: number;
}

/**
 * What becomes of a job: it ends, it stays as failed with a sentence for people, it waits until a time
 * (milliseconds since 1970), it goes back to the front of the lane, or it is not ours any more.
 */
export type JobEnd =
  | { readonly kind: 'settled' | 'parked' | 'back' | 'gone' }
  | { readonly kind: 'failed'; readonly message: string }
  | { readonly kind: 'later'; readonly until: number };

export interface LaneWorkerOptions {
  readonly lane: Lane;
  readonly redis: RedisClient;
  readonly prefix: string;
  readonly app: string;
  /** Jobs at once, and recipients at once: whichever is reached first. */
  readonly maxJobs: number;
  readonly maxRecipients: number;
  readonly process: (job: LaneJob, hold: RunHold) => Promise<JobEnd>;
  /** Redis refuses commands (full, read-only, too few replicas, forbidden). */
  readonly onRedisRefuses: (error: Error) => void;
  readonly log: Log;
}

/** How soon a job comes back that was taken while another run of it is still ending here. */
const SECOND_START_MS = 500;
const SAME_ERROR_MS = 10_000;

/** One lane of this worker: takes its jobs from BullMQ and gives them back. */
export class LaneWorker {
  readonly #bull: BullWorker;
  readonly #budget: JobBudget;
  readonly #locks: LockKeeper;
  /** By job id. BullMQ renews locks by job id, so one job must not run twice in one process (F10). */
  readonly #running = new Map<string, { readonly lockToken: string; readonly hold: RunHold }>();
  /** Processed, and BullMQ has still to tell Redis. */
  readonly #finishing = new Set<string>();
  readonly #toldAt = new Map<string, number>();

  constructor(private readonly options: LaneWorkerOptions) {
    this.#budget = new JobBudget(options.maxJobs, options.maxRecipients);
    this.#bull = new BullWorker({
      ...options,
      process: (job, lockToken) => this.#process(job, lockToken),
      onRenewed: (jobId, lockToken, mono, wall) => this.#holdOf(jobId, lockToken)?.renewed(mono, wall),
      onRenewalRefused: (jobId, lockToken) => this.#holdOf(jobId, lockToken)?.halt('lost'),
    });
    this.#locks = new LockKeeper(
      () => [...this.#running].map(([jobId, run]) => ({ jobId, ...run })),
      (jobIds, lockTokens) => this.#bull.extendJobLocks(jobIds, lockTokens, LOCK_DURATION_MS),
    );
    // Told as soon as a job is fetched: BullMQ fetches as many as it may before it processes the first.
    this.#bull.on('active', (job) => {
      this.#budget.add(job.id!, recipientsOf(job.data));
      this.#adjust();
    });
    this.#bull.on('completed', (job) => {
      killPoint('worker.afterJob');
      this.#left(job.id!);
    });
    this.#bull.on('failed', (job) => job && this.#left(job.id!));
    this.#bull.on('error', (error) => this.#onError(error));
    this.#adjust();
  }

  get lane(): Lane {
    return this.options.lane;
  }

  /**
   * For how long an open lane that has room for more has not asked for jobs, in milliseconds. BullMQ asks
   * every few seconds at least, whatever runs meanwhile; its waiting connection has wedged before.
   */
  get deafForMs(): number {
    return this.#running.size < this.#budget.allowed() ? this.#bull.silentForMs : 0;
  }

  get running(): number {
    return this.#running.size;
  }

  /** Whether nothing is under way between this lane and Redis that a close would cut off. */
  get isIdle(): boolean {
    return this.#running.size === 0 && this.#finishing.size === 0 && !this.#bull.isFetching;
  }

  set oneAtATime(only: boolean) {
    this.#budget.oneAtATime = only;
    this.#adjust();
  }

  open(): void {
    this.#bull.open();
  }

  /** Takes no more first, then hands back what runs: the other way round it would take it again. */
  close(cause: HaltCause): void {
    this.#bull.shut();
    for (const { hold } of this.#running.values()) hold.halt(cause);
  }

  /** Answers in flight are waited for until then (performance.now() milliseconds). */
  drainUntil(mono: number): void {
    for (const { hold } of this.#running.values()) hold.drainUntil = mono;
  }

  /** Lets go of Redis. Never BullMQ's own orderly close, which waits for ever while Redis is away. */
  async disconnect(): Promise<void> {
    this.#locks.stop();
    await this.#bull.close(true);
  }

  async #process(job: Job, lockToken: string): Promise<void> {
    const id = job.id!;
    const earlier = this.#running.get(id);
    if (earlier !== undefined) {
      // Not awaited: the end of the earlier run would stop the renewal of this one.
      earlier.hold.halt('lost');
      return this.#leave(job, lockToken, { kind: 'later', until: Date.now() + SECOND_START_MS });
    }
    const hold = new RunHold(job.processedOn ?? Date.now());
    this.#running.set(id, { lockToken, hold });
    let end: JobEnd;
    try {
      end = await this.options.process(toLaneJob(job, lockToken), hold);
    } catch (error) {
      // A defect of ours, or Redis refused a read: the job's own state says where to go on.
      this.options.log.error({ event: 'job.crashed', batch: id, err: error }, 'a run ended by an error');
      end = { kind: 'later', until: Date.now() + 5_000 };
    }
    // Counted as finishing before it stops counting as running: a stop must not slip in between.
    if (end.kind !== 'gone') this.#finishing.add(id);
    this.#running.delete(id);
    this.#bull.signOfLife();
    this.#budget.remove(id);
    this.#adjust();
    return this.#leave(job, lockToken, end);
  }

  async #leave(job: Job, lockToken: string, end: JobEnd): Promise<void> {
    switch (end.kind) {
      case 'settled':
      case 'parked':
        return;
      case 'failed':
        throw new UnrecoverableError(end.message);
      case 'gone':
        throw new DelayedError(); // BullMQ then believes that the job was moved, and leaves it alone
    }
    try {
      if (end.kind === 'later') await job.moveToDelayed(end.until, lockToken);
      else await job.moveToWait(lockToken);
    } catch (error) {
      this.options.log.warn(
        { event: 'job.notReturned', batch: job.id, err: error },
        'a job could not be handed back; another worker takes it when its lock runs out',
      );
    } finally {
      this.#finishing.delete(job.id!);
    }
    throw end.kind === 'back' ? new WaitingError() : new DelayedError();
  }

  #left(jobId: string): void {
    this.#finishing.delete(jobId);
    if (this.#running.has(jobId)) return;
    this.#budget.remove(jobId);
    this.#adjust();
  }

  #adjust(): void {
    this.#bull.concurrency = this.#budget.allowed();
  }

  #holdOf(jobId: string, lockToken: string): RunHold | undefined {
    const run = this.#running.get(jobId);
    return run?.lockToken === lockToken ? run.hold : undefined;
  }

  #onError(error: Error): void {
    this.#finishing.clear(); // one of them may be it; a stop waits for them only out of courtesy
    // Any answer of Redis that is an error: BullMQ would ask again at once, thousands of times a second.
    if (error.name === 'ReplyError') this.options.onRedisRefuses(error);
    const kind = error.message.replace(/\S*\d\S*/g, '').slice(0, 80);
    const now = performance.now();
    if (now - (this.#toldAt.get(kind) ?? Number.NEGATIVE_INFINITY) < SAME_ERROR_MS) return;
    if (this.#toldAt.size > 100) this.#toldAt.clear();
    this.#toldAt.set(kind, now);
    const { lane, log } = this.options;
    log.warn({ event: 'lane.error', lane, err: error }, 'a lane reports an error; it goes on');
  }
}

function toLaneJob(job: Job, lockToken: string): LaneJob {
  const { data, attemptsStarted, attemptsMade } = job;
  return { id: job.id!, data, lockToken, attemptsStarted, attemptsMade };
}
