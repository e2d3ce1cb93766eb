import { decodeProgress } from '@pushfleet/shared/domain/batch-progress';
import { readJobFates, readUnrecordedBatches, removeFailedJob } from '@pushfleet/shared/queue/lost-jobs';
import {
  type LongQueuedBatch,
  parkLost,
  type QueuedBatch,
  readLongQueued,
} from '@pushfleet/shared/store/lost-batches';
import type { AppQueues, ProducerContext } from './producer-context.ts';
import type { ResultRecorder } from './record-results.ts';

const AT_ONCE = 500;
export const MIN_AGE_MS = 30_000;

/**
 * Finds batches that MySQL calls queued while Redis has neither a job that can still run nor a result, and
 * has them queued again. Job first, then result, then MySQL by compare-and-set: in any other order a batch
 * that is just finishing looks lost.
 *
 * @returns batches that go again
 */
export async function reconcile(
  context: ProducerContext,
  recorder: ResultRecorder,
  queues: AppQueues,
  minAgeMs: number,
): Promise<number> {
  const { store, redis, log } = context;
  let requeued = 0;
  // All of them, page by page: those that only wait must not hide the lost ones behind them.
  for (let after: LongQueuedBatch | undefined; ; ) {
    if (redis.status !== 'ready') break;
    const candidates = await readLongQueued(store, queues.app.name, minAgeMs, AT_ONCE, after);
    if (candidates.length > 0) requeued += await requeueLost(context, recorder, queues, candidates);
    if (candidates.length < AT_ONCE) break;
    after = candidates.at(-1);
  }
  if (requeued > 0)
    log.warn(
      { event: 'batch.lost', app: queues.app.name, batches: requeued },
      'Redis lost batches; they are queued again',
    );
  return requeued;
}

async function requeueLost(
  { store, redis }: ProducerContext,
  recorder: ResultRecorder,
  queues: AppQueues,
  candidates: readonly QueuedBatch[],
): Promise<number> {
  const lanes = Object.values(queues.lanes);
  const fates = await readJobFates(redis, lanes, candidates);
  const unrecorded = await readUnrecordedBatches(redis, queues.results);
  const gone: QueuedBatch[] = [];
  for (const [i, batch] of candidates.entries()) {
    const fate = fates[i]!;
    if (fate.kind === 'alive' || unrecorded.has(`${batch.dispatchId}-${batch.seq}`)) continue;
    // Failed without its worker being asked (stalled too often): its checkpoint is all that it left.
    if (fate.kind === 'failed' && fate.checkpoint !== null) {
      await recorder.recordTellings([{ ...batch, progress: decodeProgress(fate.checkpoint), ended: true }]);
      await removeFailedJob(lanes, batch);
    } else gone.push(batch);
  }
  return (await parkLost(store, gone)).length;
}
