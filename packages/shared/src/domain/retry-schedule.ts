/**
 * When one recipient is tried again. Retry-After wins over the schedule, and nobody is tried earlier
 * than told: jitter only ever adds.
 */
export interface RetryPolicy {
  /** Answered attempts after which a recipient has failed. */
  readonly maxAttempts: number;
  /** Milliseconds before attempt 2, 3, …; the last one repeats. */
  readonly delaysMs: readonly number[];
}

/**
 * @param attempts answered attempts so far, at least 1
 * @param retryAfterMs what APNs asked for
 * @param random from [0, 1)
 * @returns milliseconds to wait, or null when the attempts are used up
 */
export function nextDelayMs(
  policy: RetryPolicy,
  attempts: number,
  retryAfterMs: number | undefined,
  random: number,
): number | null {
  if (attempts >= policy.maxAttempts) return null;
  const scheduled = policy.delaysMs[Math.min(attempts, policy.delaysMs.length) - 1]!;
  if (retryAfterMs !== undefined)
    return retryAfterMs + Math.floor(random * Math.min(500, retryAfterMs * 0.1));
  return scheduled + Math.floor(random * scheduled * 0.2);
}

const UNANSWERED_DELAYS_MS = [0, 1_000, 5_000, 30_000];

/** Milliseconds before a request is repeated whose answer never came; costs no attempt. */
export function unansweredDelayMs(unanswered: number): number {
  return UNANSWERED_DELAYS_MS[Math.min(unanswered, UNANSWERED_DELAYS_MS.length) - 1]!;
}
