import { LATENCY_BOUNDS_S, type WorkerBeat } from '@pushfleet/shared/queue/worker-beats';
import type { NotificationStatus } from '@pushfleet/shared/store/status';

type Times = Pick<NotificationStatus, 'dueAt' | 'firstAcceptedAt'>;

/** Milliseconds from due to the first recipient accepted; null while there is none. */
export function firstAcceptedMs({ dueAt, firstAcceptedAt }: Times): number | null {
  if (dueAt === null || firstAcceptedAt === null) return null;
  return Math.max(0, Date.parse(firstAcceptedAt) - Date.parse(dueAt));
}

export interface FirstAccepted {
  readonly count: number;
  readonly p50Ms: number;
  readonly maxMs: number;
}

/** Over notifications of which something was accepted; null where there are none. */
export function firstAcceptedOf(notifications: readonly Times[]): FirstAccepted | null {
  const times = notifications
    .map(firstAcceptedMs)
    .filter((ms) => ms !== null)
    .sort((a, b) => a - b);
  if (times.length === 0) return null;
  return { count: times.length, p50Ms: times[Math.ceil(times.length / 2) - 1]!, maxMs: times.at(-1)! };
}

/**
 * Within how many seconds after due a share of all recipients was accepted, as an upper bound, since the workers
 * started. Null where nothing was accepted yet; infinite above the highest bound.
 */
export function acceptedWithinS(
  workers: readonly Pick<WorkerBeat, 'dueToAccepted'>[],
  share: number,
): number | null {
  const sums: number[] = [...LATENCY_BOUNDS_S, 0].map((_, at) =>
    workers.reduce((sum, { dueToAccepted }) => sum + (dueToAccepted[at] ?? 0), 0),
  );
  const all = sums.reduce((sum, count) => sum + count, 0);
  if (all === 0) return null;
  let below = 0;
  const at = sums.findIndex((count) => {
    below += count;
    return below >= all * share;
  });
  return LATENCY_BOUNDS_S[at] ?? Number.POSITIVE_INFINITY;
}

/** Such as `0.3 s`, `42 s`, `12 min`, `3 h`. */
export function spanText(ms: number): string {
  if (ms < 9_950) return `${(ms / 1_000).toFixed(1)} s`;
  if (ms < 120_000) return `${Math.round(ms / 1_000)} s`;
  return ms < 7_200_000 ? `${Math.round(ms / 60_000)} min` : `${Math.round(ms / 3_600_000)} h`;
}
