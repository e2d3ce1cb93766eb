import { setTimeout as sleep } from 'node:timers/promises';
import { readJobFates, readUnrecordedBatches, removeFailedJob } from '@pushfleet/shared/queue/lost-jobs';
import {
  type LongQueuedBatch,
  parkLost,
  type QueuedBatch,
  readLongQueued,
} from '@pushfleet/shared/store/lost-batches';
import type { AppQueues, ProducerContext } from './producer-context.ts';
import type { ResultRecorder } from './record-results.ts';
import { tellingOfDead } from './worker-died.ts';

const AT_ONCE = 500;
/** More than a producer may take from its commit to the end of its add: what is not there by then never comes. */
export const MIN_AGE_MS = 10_000;
/** Time that workers have to tell what they hold before anything is queued again. */
export const WORKERS_SPEAK_MS = 2_500;
/** How long a recovery waits for what workers have just told to be recorded. */
const RECORDED_WITHIN_MS = 3_000;
const LOOK_AGAIN_MS = 150;

/**
 * Finds batches that MySQL calls queued while Redis has neither a job that can still run nor a result, and
 * has them queued again. Job first, then result, then MySQL by compare-and-set: in any other order a batch
 * that is just finishing looks lost.
 *
 * @param minAgeMs below MIN_AGE_MS it is a recovery: then it also waits, for a while, until what workers
 *   have just told is recorded, and looks at those batches again
 * @returns batches that go again
 */
export async function reconcile(
  context: ProducerContext,
  recorder: ResultRecorder,
  queues: AppQueues,
  minAgeMs: number,
): Promise<number> {
  let requeued = 0;
  const until = performance.now() + (minAgeMs < MIN_AGE_MS ? RECORDED_WITHIN_MS : 0);
  for (;;) {
    const found = await lookThrough(context, recorder, queues, minAgeMs);
    requeued += found.requeued;
    if (found.unrecorded === 0 || performance.now() >= until) break;
    await sleep(LOOK_AGAIN_MS);
  }
  if (requeued > 0)
    context.log.warn(
      { event: 'batch.lost', app: queues.app.name, batches: requeued },
      'Redis lost batches; they are queued again',
    );
  return requeued;
}

interface Found {
  readonly requeued: number;
  /** Left alone, since a result of them is still to be recorded. */
  readonly unrecorded: number;
}

/** All of them, page by page: those that only wait must not hide the lost ones behind them. */
async function lookThrough(
  context: ProducerContext,
  recorder: ResultRecorder,
  queues: AppQueues,
  minAgeMs: number,
): Promise<Found> {
  let requeued = 0;
  let unrecorded = 0;
  for (let after: LongQueuedBatch | undefined; ; ) {
    if (context.redis.status !== 'ready') break;
    const candidates = await readLongQueued(context.store, queues.app.name, minAgeMs, AT_ONCE, after);
    if (candidates.length > 0) {
      const found = await requeueLost(context, recorder, queues, candidates);
      requeued += found.requeued;
      unrecorded += found.unrecorded;
    }
    if (candidates.length < AT_ONCE) break;
    after = candidates.at(-1);
  }
  return { requeued, unrecorded };
}

async function requeueLost(
  { store, redis }: ProducerContext,
  recorder: ResultRecorder,
  queues: AppQueues,
  candidates: readonly QueuedBatch[],
): Promise<Found> {
  const lanes = Object.values(queues.lanes);
  const fates = await readJobFates(redis, lanes, candidates);
  const recording = await readUnrecordedBatches(redis, queues.results);
  const gone: QueuedBatch[] = [];
  let unrecorded = 0;
  for (const [i, batch] of candidates.entries()) {
    const fate = fates[i]!;
    if (fate.kind === 'alive') continue;
    if (recording.has(`${batch.dispatchId}-${batch.seq}`)) unrecorded++;
    else if (fate.kind === 'gone') gone.push(batch);
    else {
      // Failed without a word of its worker: what its checkpoint holds is all that it left.
      const telling = await tellingOfDead(store, batch, fate.checkpoint);
      if (telling !== null) await recorder.recordTellings([telling]);
      await removeFailedJob(lanes, batch);
    }
  }
  return { requeued: (await parkLost(store, gone)).length, unrecorded };
}
