import type { NotificationStatus } from './status.ts';

/**
 * What was read of dispatches that have ended, for whoever looks again and again: their sums change by a replay,
 * which opens them, or by a late result, which is seen a minute later.
 */
export class EndedStatuses {
  readonly #kept = new Map<number, { readonly status: NotificationStatus; readonly until: number }>();

  get(dispatchId: number, state: string, finishedAt: string | null): NotificationStatus | undefined {
    const kept = this.#kept.get(dispatchId);
    if (kept === undefined || kept.until < Date.now()) return undefined;
    const { status } = kept;
    return status.state === state && status.finishedAt === finishedAt ? status : undefined;
  }

  /** Keeps these instead of whatever was kept. */
  keep(statuses: ReadonlyMap<number, NotificationStatus>): void {
    const before = new Map(this.#kept);
    this.#kept.clear();
    for (const [dispatchId, status] of statuses) {
      if (status.finishedAt === null || status.pending > 0) continue;
      const old = before.get(dispatchId);
      this.#kept.set(dispatchId, old?.status === status ? old : { status, until: Date.now() + 60_000 });
    }
  }
}
