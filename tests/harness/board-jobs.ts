import { randomBytes } from 'node:crypto';
import {
  type BatchJob,
  type BatchResult,
  batchJobId,
  packDeviceTokens,
} from '@pushfleet/shared/domain/batch-job';
import {
  type BatchProgress,
  encodeProgress,
  markAccepted,
  markRefused,
  newProgress,
} from '@pushfleet/shared/domain/batch-progress';
import { FAILED, RETIRED } from '@pushfleet/shared/domain/outcomes';
import { queuePrefix } from '@pushfleet/shared/queue/keys';
import { addBatches, addResults, openQueue } from '@pushfleet/shared/queue/lane-queue';
import type { RedisClient } from '@pushfleet/shared/queue/redis-connection';
import { type Job, UnrecoverableError, Worker } from 'bullmq';

/** What must not be in any answer of the board. */
export interface BoardJobs {
  /** The bulk batch that failed: 2 of 8 recipients, the others settled. */
  readonly failedId: string;
  readonly delayedId: string;
  readonly waitingId: string;
  /** Hex, lower case; every job's. */
  readonly deviceTokens: readonly string[];
  /** `tokens` and `ids` as stored. */
  readonly packed: readonly string[];
  /** Words of the payload. */
  readonly payloadWords: string;
}

const PAYLOAD_WORDS = 'Order 4711 has left the house';
const MINUTE = 60_000;

/** Puts a waiting, a delayed and a failed batch and a result into the queues of an app, as a fleet leaves them. */
export async function putBoardJobs(redis: RedisClient, prefix: string, app: string): Promise<BoardJobs> {
  const bulk = openQueue<BatchJob>(redis, prefix, app, 'bulk');
  const urgent = openQueue<BatchJob>(redis, prefix, app, 'urgent');
  const results = openQueue<BatchResult>(redis, prefix, app, 'results');
  const worker = new Worker<BatchJob>('bulk', null, {
    connection: redis,
    prefix: queuePrefix(prefix, app),
    autorun: false,
  });
  const failed = aBatch(app, { notificationId: '42', seq: 2, batches: 20, size: 8 });
  const delayed = aBatch(app, { notificationId: '43', seq: 0, batches: 3, size: 500 });
  const waiting = aBatch(app, { notificationId: '44', seq: 0, batches: 1, size: 1, lane: 'urgent' });
  const idOf = (job: BatchJob) => batchJobId(job.dispatch, job.seq, job.generation);

  await addBatches(bulk, [failed.job]);
  const first = await take(worker);
  await redis.hset(bulk.toKey(idOf(failed.job)), 'ck', encodeProgress(gaveUp(8)));
  await first.log(
    `sent to <${failed.deviceTokens[0]!.match(/.{8}/g)!.join(' ')}> and ${failed.deviceTokens[1]!.toUpperCase()}`,
  );
  const cause = new UnrecoverableError(
    `gave up: ${failed.deviceTokens[2]} and {"tokens":"${failed.job.tokens}","payload":${JSON.stringify(failed.job.payload)}}`,
  );
  await first.moveToFailed(cause, first.token!, false);

  await addBatches(bulk, [delayed.job]);
  const second = await take(worker);
  await redis.hset(bulk.toKey(idOf(delayed.job)), 'ck', encodeProgress(halfWay(500)));
  await second.moveToDelayed(Date.now() + 10 * MINUTE, second.token);

  await addBatches(urgent, [waiting.job]);
  await addResults(results, [
    {
      result: aResult(failed.job),
      unique: randomBytes(16).toString('hex'),
    },
  ]);
  await worker.close();
  const all = [failed, delayed, waiting];
  return {
    failedId: idOf(failed.job),
    delayedId: idOf(delayed.job),
    waitingId: idOf(waiting.job),
    deviceTokens: all.flatMap((batch) => batch.deviceTokens),
    packed: all.flatMap(({ job }) => [job.tokens, job.ids]),
    payloadWords: PAYLOAD_WORDS,
  };
}

interface BatchShape {
  readonly notificationId: string;
  readonly seq: number;
  readonly batches: number;
  readonly size: number;
  readonly lane?: 'urgent' | 'bulk';
}

function aBatch(app: string, { lane = 'bulk', size, ...shape }: BatchShape) {
  const deviceTokens = Array.from({ length: size }, () => randomBytes(32).toString('hex'));
  const job: BatchJob = {
    v: 1,
    fleet: 'shop',
    dispatch: 1_000 + Number(shape.notificationId),
    generation: 1,
    nonce: randomBytes(4).toString('hex'),
    ...shape,
    app,
    lane,
    topic: 'com.example.shop',
    environment: 'production',
    pushType: 'alert',
    priority: 10,
    expiration: null,
    collapseId: `shop-${shape.notificationId}`,
    payload: JSON.stringify({
      aps: { alert: { title: 'On its way', body: PAYLOAD_WORDS }, badge: 1, sound: 'default' },
    }),
    dueAt: Date.now() - 2 * MINUTE,
    deadline: Date.now() + 1_440 * MINUTE,
    size,
    tokens: packDeviceTokens(deviceTokens),
    ids: randomBytes(3 * size).toString('base64'),
    progress: encodeProgress(newProgress(size)),
  };
  return { job, deviceTokens };
}

function aResult({ v, fleet, dispatch, seq, generation, nonce, app }: BatchJob): BatchResult {
  const progress = encodeProgress(gaveUp(8));
  return { v, fleet, dispatch, seq, generation, nonce, app, worker: 'worker-1', progress, ended: true };
}

function gaveUp(size: number): BatchProgress {
  const progress = newProgress(size);
  for (let i = 0; i < size; i++) markAccepted(progress, i, Date.now());
  const refusal = { timestamp: null, at: Date.now(), deviceToken: null };
  for (const i of [1, 4])
    markRefused(progress, i, FAILED, { ...refusal, status: 503, reason: 'ServiceUnavailable', attempts: 8 });
  markRefused(progress, 6, RETIRED, {
    ...refusal,
    status: 410,
    reason: 'Unregistered',
    attempts: 1,
    timestamp: 1,
  });
  return progress;
}

function halfWay(size: number): BatchProgress {
  const progress = newProgress(size);
  for (let i = 0; i < 450; i++) markAccepted(progress, i, Date.now());
  for (let i = 450; i < size; i++)
    progress.trials.set(i, {
      attempts: 3,
      unanswered: 0,
      notBefore: Date.now() + 10 * MINUTE,
      reason: i % 5 === 0 ? 'TooManyRequests' : 'ServiceUnavailable',
    });
  return progress;
}

async function take(worker: Worker<BatchJob>): Promise<Job<BatchJob>> {
  const job = await worker.getNextJob('board-test', { block: false });
  if (job === undefined) throw new Error('the queue is empty');
  return job;
}
