import { BullMQAdapter } from '@bull-board/api/bullMQAdapter';
import type { QueueName } from '@pushfleet/shared/queue/keys';
import { openQueue } from '@pushfleet/shared/queue/lane-queue';
import type { RedisClient } from '@pushfleet/shared/queue/redis-connection';
import { jobTitle, jobView, percentSettled } from './job-view.ts';

/** Where a worker keeps what it knows of a batch: a field of the job of its own, newer than the job's data. */
const CHECKPOINT_FIELD = 'ck';

const DESCRIPTIONS: { readonly [name in QueueName]: string } = {
  urgent: 'alerts and small audiences',
  bulk: 'large audiences',
  results: 'what workers tell of their batches, on its way into MySQL',
};

export interface BatchQueueOptions {
  readonly redis: RedisClient;
  /** PUSHFLEET_REDIS_PREFIX. */
  readonly prefix: string;
  readonly app: string;
  readonly name: QueueName;
  /** Whether the name of the app is needed to tell this queue from another. */
  readonly severalApps: boolean;
  readonly writable: boolean;
  readonly showPayload: boolean;
}

type BoardJob = NonNullable<Awaited<ReturnType<BullMQAdapter['getJob']>>>;

/** One of our queues on the board. Jobs carry the worker's checkpoint, and are shown in words. */
export class BatchQueueAdapter extends BullMQAdapter {
  readonly #redis: RedisClient;
  readonly #keyOf: (jobId: string) => string;

  constructor(options: BatchQueueOptions) {
    const { redis, prefix, app, name } = options;
    const queue = openQueue(redis, prefix, app, name, { observer: true });
    super(queue, {
      // Bull Board tells queues apart by this and the name alone; no app has a colon in its name.
      prefix: options.severalApps ? `${app}:` : '',
      delimiter: options.severalApps ? ':' : '',
      description: DESCRIPTIONS[name],
      readOnlyMode: !options.writable,
      allowRetries: options.writable,
    });
    this.#redis = redis;
    this.#keyOf = (jobId) => queue.toKey(jobId);
    this.setFormatter('name', jobTitle);
    this.setFormatter('data', (data) => jobView(data, options));
    this.setFormatter('returnValue', () => null);
  }

  /** The states in which our jobs are; BullMQ knows more. */
  override getJobStatuses(): ReturnType<BullMQAdapter['getJobStatuses']> {
    return ['active', 'waiting', 'delayed', 'failed'];
  }

  override async getJob(id: string): Promise<BoardJob | undefined> {
    const job = await super.getJob(id);
    if (job !== undefined) await this.#readCheckpoint(job);
    return job;
  }

  override async getJobs(...range: Parameters<BullMQAdapter['getJobs']>): Promise<BoardJob[]> {
    const jobs = await super.getJobs(...range);
    await Promise.all(jobs.map((job) => this.#readCheckpoint(job)));
    return jobs;
  }

  /** Puts the checkpoint where the job's data hold the progress. Nothing here writes a job's data back. */
  async #readCheckpoint(job: BoardJob): Promise<void> {
    const checkpoint = await this.#redis.hget(this.#keyOf(job.id ?? ''), CHECKPOINT_FIELD);
    if (checkpoint !== null) job.data = { ...job.data, progress: checkpoint };
    if (typeof job.data?.progress === 'string') job.progress = percentSettled(job.data.progress);
  }
}
