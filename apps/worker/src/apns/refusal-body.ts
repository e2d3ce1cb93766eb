/** Reads what APNs says when it refuses a push: the JSON body and Retry-After. Pure. */
import type { ApnsAnswer } from '@pushfleet/shared/domain/apns-answer';

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
      timestamp: typeof timestamp === 'number' && Number.isFinite(timestamp) ? timestamp : undefined,
    };
  } catch {
    return { reason: '' };
  }
}

function readRetryAfter(header: string | undefined, nowMs: number): number | undefined {
  if (header === undefined) return undefined;
  const seconds = /^\s*\d+\s*$/.test(header) ? Number(header) : (Date.parse(header) - nowMs) / 1000;
  return Number.isFinite(seconds) ? Math.max(0, Math.round(seconds * 1000)) : undefined;
}
