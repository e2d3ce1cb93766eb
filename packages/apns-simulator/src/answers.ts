import { randomUUID } from 'node:crypto';
import type { OutgoingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import type { Refusal } from './refusals.ts';

const NO_BODY = { endStream: true } as const;

/** Answers 200. `isSandbox` adds `apns-unique-id`, which only Apple's sandbox sends. */
export function answerAccepted(stream: ServerHttp2Stream, apnsId: string, isSandbox: boolean): void {
  if (isGone(stream)) return;
  const headers: OutgoingHttpHeaders = { ':status': 200, 'apns-id': apnsId };
  if (isSandbox) headers['apns-unique-id'] = randomUUID();
  stream.respond(headers, NO_BODY);
}

/** Answers with a reason; a 410 always says since when. `nowMs`: milliseconds since 1970. */
export function answerRefused(
  stream: ServerHttp2Stream,
  apnsId: string,
  refusal: Refusal,
  nowMs: number,
): void {
  if (isGone(stream)) return;
  const headers: OutgoingHttpHeaders = { ':status': refusal.status, 'apns-id': apnsId };
  if (refusal.retryAfterSeconds !== undefined) headers['retry-after'] = String(refusal.retryAfterSeconds);
  if (refusal.reason === '') {
    stream.respond(headers, NO_BODY);
    return;
  }
  stream.respond(headers);
  stream.end(JSON.stringify({ reason: refusal.reason, ...timestampOf(refusal, nowMs) }));
}

function timestampOf({ status, timestampMs }: Refusal, nowMs: number): { timestamp?: number } {
  if (timestampMs === undefined && status !== 410) return {};
  return { timestamp: Math.round(timestampMs ?? nowMs) };
}

/** The client reset the stream, or left, while the answer was waiting. */
function isGone(stream: ServerHttp2Stream): boolean {
  return stream.destroyed || stream.closed || stream.headersSent;
}
