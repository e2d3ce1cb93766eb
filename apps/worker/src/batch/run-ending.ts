import { type BatchProgress, earliestNotBefore } from '@pushfleet/shared/domain/batch-progress';
import { CANCELLED, EXPIRED, FAILED, REJECTED, WAITING } from '@pushfleet/shared/domain/outcomes';

/** Who waits longer leaves Redis: the producer parks the batch in MySQL (F12). */
const LONGEST_WAIT_IN_REDIS_MS = 60_000;

/**
 * What becomes of a job whose run has nothing more to send.
 * - `settled`: nobody waits; it ends.
 * - `failed`: nobody waits and some have failed; it stays for people to see, and to retry.
 * - `later`: it is delayed until then (milliseconds since 1970).
 * - `parked`: it ends, and the producer queues the batch again when somebody is due.
 */
export type RunEnding =
  | { readonly kind: 'settled' }
  | { readonly kind: 'failed'; readonly message: string }
  | { readonly kind: 'later'; readonly until: number }
  | { readonly kind: 'parked' };

/**
 * @param indexes recipients of this job: of others it holds no device token
 * @param isRetry the job had failed before. The producer holds such a batch for settled and would not queue
 *   it again, so it is never parked
 * @param isHeld the brake holds the notification: whoever waits, waits in MySQL
 */
export function endingOf(
  progress: BatchProgress,
  indexes: readonly number[],
  now: number,
  deadline: number,
  isRetry = false,
  isHeld = false,
): RunEnding {
  const earliest = earliestNotBefore(progress);
  if (earliest !== null) {
    const longest = LONGEST_WAIT_IN_REDIS_MS;
    const until = Math.min(isHeld && isRetry ? now + longest : Math.max(earliest, now), deadline);
    const leavesRedis = (isHeld || until - now > longest) && !isRetry;
    return leavesRedis ? { kind: 'parked' } : { kind: 'later', until };
  }
  const failed = indexes.filter((index) => progress.outcomes[index] === FAILED);
  return failed.length === 0
    ? { kind: 'settled' }
    : { kind: 'failed', message: failureMessage(progress, failed) };
}

/** Whether every byte is what APNs said itself: true whoever owns the job. */
export function isAllAnswered(outcomes: Uint8Array): boolean {
  return outcomes.every((byte) => byte >= REJECTED);
}

/**
 * What a run that lost its job may still tell: APNs' answers. That a recipient failed, expired or was
 * cancelled is for the run that owns the job to say.
 */
export function answersOnly(progress: BatchProgress): BatchProgress {
  const outcomes = progress.outcomes.map((byte) =>
    byte === FAILED || byte === CANCELLED || byte === EXPIRED ? WAITING : byte,
  );
  const refusals = new Map([...progress.refusals].filter(([index]) => outcomes[index] !== WAITING));
  return { ...progress, outcomes, refusals };
}

function failureMessage(progress: BatchProgress, failed: readonly number[]): string {
  const reasons = new Map<string, number>();
  let attempts = 0;
  for (const index of failed) {
    const refusal = progress.refusals.get(index);
    const reason = refusal?.reason ?? 'unknown';
    reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
    attempts = Math.max(attempts, refusal?.attempts ?? 0);
  }
  const list = [...reasons].sort((a, b) => b[1] - a[1]).map(([reason, count]) => `${reason} ${count}`);
  const size = progress.outcomes.length;
  const recipients = size === 1 ? 'recipient' : 'recipients';
  return `${failed.length} of ${size} ${recipients} failed after ${attempts} ${attempts === 1 ? 'attempt' : 'attempts'}: ${list.join(', ')}; retry sends to ${failed.length === 1 ? 'this one' : 'these'} only`;
}
