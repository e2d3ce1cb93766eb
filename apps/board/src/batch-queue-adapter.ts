import { BullMQAdapter } from '@bull-board/api/bullMQAdapter';
import { readCheckpoint } from '@pushfleet/shared/queue/checkpoint';
import type { QueueName } from '@pushfleet/shared/queue/keys';
import { openQueue } from '@pushfleet/shared/queue/lane-queue';
import type { RedisClient } from '@pushfleet/shared/queue/redis-connection';
import { jobTitle, jobView, percentSettled } from './job-view.ts';

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
  readonly #options: BatchQueueOptions;

  constructor(options: BatchQueueOptions) {
    const { redis, prefix, app, name } = options;
    super(openQueue(redis, prefix, app, name, { observer: true }), {
      // Bull Board tells queues apart by this and the name alone; no app has a colon in its name.
      prefix: options.severalApps ? `${app}:` : '',
      delimiter: options.severalApps ? ':' : '',
      description: DESCRIPTIONS[name],
      readOnlyMode: !options.writable,
      allowRetries: options.writable,
    });
    this.#options = options;
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
    if (job !== undefined) await this.#attachProgress(job);
    return job;
  }

  override async getJobs(...range: Parameters<BullMQAdapter['getJobs']>): Promise<BoardJob[]> {
    const jobs = await super.getJobs(...range);
    await Promise.all(jobs.map((job) => this.#attachProgress(job)));
    return jobs;
  }

  /** What a worker last knew goes where the job's data hold the progress. Nothing here writes a job's data back. */
  async #attachProgress(job: BoardJob): Promise<void> {
    const { redis, prefix, app, name } = this.#options;
    if (name !== 'results' && job.id !== undefined) {
      const checkpoint = await readCheckpoint(redis, prefix, app, name, job.id);
      if (checkpoint !== null) job.data = { ...job.data, progress: checkpoint };
    }
    if (typeof job.data?.progress === 'string') job.progress = percentSettled(job.data.progress);
  }
}
