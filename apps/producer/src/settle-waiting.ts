import { decodeProgress } from '@pushfleet/shared/domain/batch-progress';
import { CANCELLED, EXPIRED } from '@pushfleet/shared/domain/outcomes';
import { readUnrecordedBatches } from '@pushfleet/shared/queue/lost-jobs';
import { withdrawJobs } from '@pushfleet/shared/queue/withdraw-jobs';
import { type BatchInRedis, parkLost, readBatchesInRedis } from '@pushfleet/shared/store/lost-batches';
import {
  cancelDispatch,
  finishCancelled,
  readCancelledDispatches,
  readForeignSent,
  readOverdueDispatches,
  settleWaiting,
} from '@pushfleet/shared/store/settle';
import type { ProducerContext } from './producer-context.ts';
import { traceSettled } from './producer-spans.ts';
import { MIN_AGE_MS } from './reconcile.ts';
import type { ResultRecorder } from './record-results.ts';

const AT_ONCE = 200;
/** What is in Redis is the workers' to end; only when they have not by then it is ended here. */
const WORKERS_HAVE_MS = 30_000;

/** Of a cancelled dispatch workers end what they hold; what still waits in Redis then is taken back. */
const WORKERS_CANCEL_MS = 2_000;

/**
 * Ends who waits in dispatches that were cancelled: what is in MySQL here, what runs by the workers. What
 * waits in Redis is taken out of it, as no worker may look at it for hours: the app may be paused.
 */
export class CancelledSettler {
  readonly #context: ProducerContext;
  readonly #recorder: ResultRecorder;
  readonly #workersCancelMs: number;
  readonly #since = new Map<number, number>();

  constructor(context: ProducerContext, recorder: ResultRecorder, workersCancelMs = WORKERS_CANCEL_MS) {
    this.#context = context;
    this.#recorder = recorder;
    this.#workersCancelMs = workersCancelMs;
  }

  async look(): Promise<void> {
    const { store, log } = this.#context;
    const dispatches = await readCancelledDispatches(store, AT_ONCE);
    for (const dispatchId of dispatches) {
      const startedAt = Date.now();
      const since = this.#since.get(dispatchId) ?? startedAt;
      this.#since.set(dispatchId, since);
      const inRedis = await readBatchesInRedis(store, dispatchId);
      const isLate = Date.now() - since >= this.#workersCancelMs;
      const left = isLate ? await this.#takeBack(dispatchId, inRedis) : inRedis.length;
      await settleWaiting(store, dispatchId, CANCELLED, ['planned', 'parked']);
      // Workers forget the cancel once the dispatch has ended: no job of it may be left by then.
      if (left === 0 && (await finishCancelled(store, dispatchId))) {
        this.#since.delete(dispatchId);
        traceSettled(this.#context, [dispatchId], startedAt);
        log.info({ event: 'dispatch.cancelled', dispatchId }, 'a notification is cancelled');
      }
    }
    for (const dispatchId of this.#since.keys())
      if (!dispatches.includes(dispatchId)) this.#since.delete(dispatchId);
  }

  /** @returns batches that are left to workers or to the recorder */
  async #takeBack(dispatchId: number, batches: readonly BatchInRedis[]): Promise<number> {
    const { store, redis, queues } = this.#context;
    const own = queues.find(({ app }) => app.name === batches[0]?.app);
    if (own === undefined) {
      // An app that is configured no more: no worker gets its jobs from here.
      await parkLost(store, batches);
      return 0;
    }
    if (redis.status !== 'ready') return batches.length;
    const withdrawn = await withdrawJobs(redis, Object.values(own.lanes), batches);
    const unrecorded = await readUnrecordedBatches(redis, own.results);
    let left = 0;
    for (const [i, batch] of batches.entries()) {
      const withdrawal = withdrawn[i]!;
      if (withdrawal.kind === 'running' || unrecorded.has(`${dispatchId}-${batch.seq}`)) left++;
      // Its add may still be on its way, and would land when workers have forgotten the cancel.
      else if (withdrawal.kind === 'absent' && !batch.settled && batch.queuedForMs < MIN_AGE_MS) left++;
      else if (!batch.settled)
        await this.#park(batch, withdrawal.kind === 'gone' ? withdrawal.checkpoint : null);
    }
    return left;
  }

  async #park(batch: BatchInRedis, checkpoint: string | null): Promise<void> {
    if (checkpoint === null) await parkLost(this.#context.store, [batch]);
    else
      await this.#recorder.recordTellings([{ ...batch, progress: decodeProgress(checkpoint), ended: true }]);
  }
}

/** Ends who waits in dispatches past their deadline, also while the app is paused. */
export async function settleOverdue({ store }: ProducerContext): Promise<boolean> {
  const overdue = await readOverdueDispatches(store, AT_ONCE);
  for (const { dispatchId, overdueMs } of overdue) {
    const isLate = overdueMs > WORKERS_HAVE_MS;
    await settleWaiting(
      store,
      dispatchId,
      EXPIRED,
      isLate ? ['planned', 'parked', 'queued'] : ['planned', 'parked'],
    );
  }
  return overdue.length === AT_ONCE;
}

/** `sent` set by the backend itself while we are sending means that it wants no more of it. */
export async function cancelForeignSent({ store, log }: ProducerContext): Promise<void> {
  for (const dispatchId of await readForeignSent(store, AT_ONCE)) {
    if (await cancelDispatch(store, dispatchId, 'the backend: it set sent itself'))
      log.info(
        { event: 'dispatch.cancelledByBackend', dispatchId },
        'the backend set sent itself; nothing more is sent',
      );
  }
}
