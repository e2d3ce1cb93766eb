import { CANCELLED, EXPIRED } from '@pushfleet/shared/domain/outcomes';
import {
  cancelDispatch,
  finishCancelled,
  readCancelledDispatches,
  readForeignSent,
  readOverdueDispatches,
  settleWaiting,
} from '@pushfleet/shared/store/settle';
import type { ProducerContext } from './producer-context.ts';

const AT_ONCE = 200;
/** What is in Redis is the workers' to end; only when they have not by then it is ended here. */
const WORKERS_HAVE_MS = 30_000;

/** Ends who waits in dispatches that were cancelled: what is in MySQL here, what is in Redis by the workers. */
export class CancelledSettler {
  readonly #context: ProducerContext;
  readonly #since = new Map<number, number>();

  constructor(context: ProducerContext) {
    this.#context = context;
  }

  async look(): Promise<void> {
    const { store, log } = this.#context;
    const dispatches = await readCancelledDispatches(store, AT_ONCE);
    for (const dispatchId of dispatches) {
      const since = this.#since.get(dispatchId) ?? Date.now();
      this.#since.set(dispatchId, since);
      const isLate = Date.now() - since > WORKERS_HAVE_MS;
      await settleWaiting(
        store,
        dispatchId,
        CANCELLED,
        isLate ? ['planned', 'parked', 'queued'] : ['planned', 'parked'],
      );
      if (await finishCancelled(store, dispatchId)) {
        this.#since.delete(dispatchId);
        log.info({ event: 'dispatch.cancelled', dispatchId }, 'a notification is cancelled');
      }
    }
    for (const dispatchId of this.#since.keys())
      if (!dispatches.includes(dispatchId)) this.#since.delete(dispatchId);
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
