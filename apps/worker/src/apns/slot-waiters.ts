/** Callers that wait for a slot: urgent first, then in the order in which they came. */
import type { Lane } from '@pushfleet/shared/domain/lanes';

interface Waiter {
  grant(): void;
  refuse(reason: unknown): void;
}

export class SlotWaiters {
  readonly #waiting: Record<Lane, Set<Waiter>> = { urgent: new Set(), bulk: new Set() };

  /** Resolves when it is this caller's turn; rejects with the signal's reason, or with `refuseAll`'s. */
  wait(lane: Lane, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const queue = this.#waiting[lane];
      const waiter: Waiter = {
        grant() {
          signal?.removeEventListener('abort', onAbort);
          resolve();
        },
        refuse(reason) {
          signal?.removeEventListener('abort', onAbort);
          reject(reason);
        },
      };
      const onAbort = () => {
        queue.delete(waiter);
        reject(signal!.reason);
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      queue.add(waiter);
    });
  }

  /** Whether somebody waits whom a caller of this lane would overtake. */
  isBefore(lane: Lane): boolean {
    return this.#waiting.urgent.size > 0 || (lane === 'bulk' && this.#waiting.bulk.size > 0);
  }

  /** Grants slots while `take` gives one for the lane: it answers whether it did. */
  serve(take: (lane: Lane) => boolean): void {
    for (const lane of ['urgent', 'bulk'] as const) {
      for (const waiter of this.#waiting[lane]) {
        if (!take(lane)) break;
        this.#waiting[lane].delete(waiter);
        waiter.grant();
      }
    }
  }

  refuseAll(reason: unknown): void {
    for (const queue of Object.values(this.#waiting)) {
      for (const waiter of queue) waiter.refuse(reason);
      queue.clear();
    }
  }
}
