import type { Lane } from '@pushfleet/shared/domain/lanes';
import { queuePrefix } from '@pushfleet/shared/queue/keys';
import type { RedisClient } from '@pushfleet/shared/queue/redis-connection';
import { type Job, Worker } from 'bullmq';

/** A worker that dies is noticed in about 8 s at worst: the lock's rest and one round of the search (F18). */
export const LOCK_DURATION_MS = 6_000;
const STALLED_INTERVAL_MS = 2_000;
/** Never reset by BullMQ, and each deploy that kills may add one. */
const MAX_STALLED = 10;

export interface BullWorkerOptions {
  readonly redis: RedisClient;
  readonly prefix: string;
  readonly app: string;
  readonly lane: Lane;
  readonly process: (job: Job, lockToken: string) => Promise<unknown>;
  /** Locks that Redis has renewed; both clocks when the renewal was asked for. */
  readonly onRenewed: (jobId: string, lockToken: string, mono: number, wall: number) => void;
  readonly onRenewalRefused: (jobId: string, lockToken: string) => void;
}

/**
 * BullMQ's Worker, with two things that it lacks: it takes no further job from the moment it is shut
 * (`pause` alone lets a waiting fetch through), and it tells when a renewal was *asked for*, since the
 * answer may come much later.
 */
export class BullWorker extends Worker {
  #shut = true;
  #fetching = 0;
  #lastSignOfLife = 0;
  readonly #options: BullWorkerOptions;

  constructor(options: BullWorkerOptions) {
    super(options.lane, (job, lockToken) => options.process(job, lockToken!), {
      connection: options.redis,
      prefix: queuePrefix(options.prefix, options.app),
      autorun: false,
      // No `skipVersionCheck`: unaware of the version BullMQ waits in whole seconds, and retries come late.
      concurrency: 1,
      lockDuration: LOCK_DURATION_MS,
      stalledInterval: STALLED_INTERVAL_MS,
      maxStalledCount: MAX_STALLED,
      drainDelay: 1,
      runRetryDelay: 1_000,
      removeOnComplete: { count: 0 },
      removeOnFail: { count: 200 },
    });
    this.#options = options;
  }

  /** Whether an answer to "the next job, please" is still to come. */
  get isFetching(): boolean {
    return this.#fetching > 0;
  }

  /** Milliseconds for which an open worker has neither asked for a job nor ended one; 0 while shut. */
  get silentForMs(): number {
    return this.#shut ? 0 : performance.now() - this.#lastSignOfLife;
  }

  signOfLife(): void {
    this.#lastSignOfLife = performance.now();
  }

  /** Takes jobs from now on. Never waits for Redis. */
  open(): void {
    if (!this.#shut) return;
    this.#shut = false;
    this.signOfLife();
    // At the very first start nothing runs yet, and `resume` starts it.
    void this.resume();
  }

  /** Takes no job any more. `pause()` without `true` would hang while Redis is away. */
  shut(): void {
    this.#shut = true;
    void this.pause(true);
  }

  protected override async moveToActive(lockToken: string, name?: string): Promise<Job> {
    if (this.#shut) return undefined as unknown as Job; // BullMQ's own way of saying "none"
    this.#fetching++;
    try {
      return await super.moveToActive(lockToken, name);
    } finally {
      this.signOfLife();
      this.#fetching--;
    }
  }

  override async extendJobLocks(
    jobIds: string[],
    lockTokens: string[],
    durationMs: number,
  ): Promise<string[]> {
    const mono = performance.now();
    const wall = Date.now();
    const refused = await super.extendJobLocks(jobIds, lockTokens, durationMs);
    jobIds.forEach((jobId, i) => {
      if (refused.includes(jobId)) this.#options.onRenewalRefused(jobId, lockTokens[i]!);
      else this.#options.onRenewed(jobId, lockTokens[i]!, mono, wall);
    });
    return refused;
  }
}
