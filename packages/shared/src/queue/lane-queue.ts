import { Queue } from 'bullmq';
import { type BatchJob, type BatchResult, batchJobId, batchKey, resultJobId } from '../domain/batch-job.ts';
import type { Lane } from '../domain/lanes.ts';
import { type QueueName, queuePrefix } from './keys.ts';
import type { RedisClient } from './redis-connection.ts';

/** How long a repeated or late add of the same batch is ignored after the first. */
const DEDUPLICATION_MS = 120_000;

/** Events are read by nobody: enough of them for a person who looks. */
const EVENTS_KEPT = 200;

export interface QueueUse {
  /** Only looks: leaves what BullMQ keeps of the queue's settings as it is. */
  readonly observer?: boolean;
}

/** Opens one queue of an app. It checks nothing at start: that is the start-up check's work. */
export function openQueue<Data>(
  redis: RedisClient,
  prefix: string,
  app: string,
  name: QueueName,
  { observer = false }: QueueUse = {},
): Queue<Data> {
  const queue = new Queue<Data>(name, {
    connection: redis,
    prefix: queuePrefix(prefix, app),
    skipWaitingForReady: true,
    skipVersionCheck: true,
    skipMetasUpdate: observer,
    streams: { events: { maxLen: EVENTS_KEPT } },
  });
  // The connection tells that Redis is away, once; without a listener each queue would print it too.
  queue.on('error', () => {});
  return queue;
}

/**
 * Adds batches to a lane, in one round trip. A batch that was added before, in the last two minutes and
 * whatever its generation, is ignored: remove the deduplication key first where it must be queued again.
 * An error says nothing about which of them are in: leave it to the reconciler, never repeat it.
 */
export async function addBatches(queue: Queue<BatchJob>, jobs: readonly BatchJob[]): Promise<void> {
  await queue.addBulk(
    jobs.map((data) => ({
      name: `notification ${data.notificationId}`,
      data,
      opts: {
        jobId: batchJobId(data.dispatch, data.seq, data.generation),
        deduplication: { id: batchKey(data.dispatch, data.seq), ttl: DEDUPLICATION_MS },
        // Attempts belong to recipients; BullMQ's only bound crashes.
        attempts: 1_000_000,
        removeOnComplete: true,
        removeOnFail: { count: 200 },
        stackTraceLimit: 1,
      },
    })),
  );
}

/**
 * Makes room for another generation of batches that were added before. A job of the generation before goes:
 * its worker died before it could end it, or it failed without a worker being asked. It would run beside the
 * new one, or be retried by a person. One that a worker holds at this moment stays, and ends by itself.
 */
export async function forgetAdded(
  queue: Queue<BatchJob>,
  batches: readonly { readonly dispatch: number; readonly seq: number; readonly generation: number }[],
): Promise<void> {
  await Promise.all(
    batches.flatMap(({ dispatch, seq, generation }) => [
      queue.remove(batchJobId(dispatch, seq, generation - 1)),
      queue.removeDeduplicationKey(batchKey(dispatch, seq)),
    ]),
  );
}

/** Publishes results under unique ids: an earlier one that still waits must not hide a later one. */
export async function addResults(
  queue: Queue<BatchResult>,
  results: readonly { readonly result: BatchResult; readonly unique: string }[],
): Promise<void> {
  await queue.addBulk(
    results.map(({ result, unique }) => ({
      name: 'result',
      data: result,
      opts: {
        jobId: resultJobId(result, unique),
        attempts: 1_000_000,
        backoff: { type: 'fixed', delay: 1_000 },
        removeOnComplete: true,
        removeOnFail: false,
        stackTraceLimit: 1,
      },
    })),
  );
}

export type LaneQueues = { readonly [lane in Lane]: Queue<BatchJob> };
export type ResultsQueue = Queue<BatchResult>;
