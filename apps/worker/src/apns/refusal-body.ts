/** Reads what APNs says when it refuses a push: the JSON body and Retry-After. Pure. */
import type { ApnsAnswer } from '@pushfleet/shared/domain/apns-answer';

/** The longest time for which APNs stores a push; a longer Retry-After is none that we could keep. */
const LONGEST_RETRY_AFTER_MS = 30 * 24 * 3_600_000;
/** The end of the year 9999, as far as MySQL's dates go. */
const LAST_INSTANT = 253_402_300_799_999;

/** `retryAfter` is the header as it came: seconds or an HTTP date. `nowMs`: since 1970. */
export function readRefusal(
  status: number,
  body: string,
  retryAfter: string | undefined,
  nowMs: number = Date.now(),
): ApnsAnswer {
  const { reason, timestamp } = readBody(body);
  return { answered: true, status, reason, timestamp, retryAfterMs: readRetryAfter(retryAfter, nowMs) };
}

/** Apple's reason, empty if the body is not what Apple documents; the timestamp is in milliseconds. */
export function readBody(body: string): { reason: string; timestamp?: number } {
  try {
    const parsed: unknown = JSON.parse(body);
    if (typeof parsed !== 'object' || parsed === null) return { reason: '' };
    const { reason, timestamp } = parsed as Record<string, unknown>;
    return {
      reason: typeof reason === 'string' ? reason : '',
      timestamp: isInstant(timestamp) ? timestamp : undefined,
    };
  } catch {
    return { reason: '' };
  }
}

/** What is none could not be stored, and would keep the results of a whole group from being recorded. */
function isInstant(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) <= LAST_INSTANT;
}

/**
 * Nothing, or a date that is over by our clock, names no wait: taken for "at once" it would burn all
 * attempts within a second where the two clocks differ.
 */
function readRetryAfter(header: string | undefined, nowMs: number): number | undefined {
  if (header === undefined) return undefined;
  const ms = /^\s*\d+\s*$/.test(header) ? Number(header) * 1_000 : Date.parse(header) - nowMs;
  return ms > 0 ? Math.min(Math.round(ms), LONGEST_RETRY_AFTER_MS) : undefined;
}
