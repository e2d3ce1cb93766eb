/**
 * One push on one HTTP/2 stream, from the open stream to the answer. Everything is read from the
 * stream itself: a client library on top may lose Retry-After, or never settle (RST_STREAM with
 * NO_ERROR or CANCEL after the request has ended raises no error at all).
 */
import { type ClientHttp2Stream, constants, type IncomingHttpHeaders } from 'node:http2';
import type { ApnsAnswer } from '@pushfleet/shared/domain/apns-answer';
import { NO_ANSWER_IN_TIME, STREAM_REFUSED } from './apns-connection.ts';
import { readRefusal } from './refusal-body.ts';

/** What the connection knows when a stream ends without an answer. */
export interface ConnectionFate {
  /** The last stream id that the server will still process, once it has sent GOAWAY. */
  readonly goawayLastId?: number;
  /** The GOAWAY had an error code: Node gives every stream that code, so stream codes mean nothing. */
  readonly goawayFailed: boolean;
  readonly cause: string;
}

/**
 * Calls `settle` exactly once: at the stream's end, or after `timeoutMs`, which resets the stream.
 * `heard` is called when something was read.
 */
export function watchExchange(
  stream: ClientHttp2Stream,
  timeoutMs: number,
  fate: () => ConnectionFate,
  heard: () => void,
  settle: (answer: ApnsAnswer) => void,
): void {
  let status = 0;
  let retryAfter: string | undefined;
  let body = '';
  let complete = false;
  let settled = false;

  const finish = (answer: ApnsAnswer) => {
    if (settled) return;
    settled = true;
    clearTimeout(deadline);
    settle(answer);
  };
  const deadline = setTimeout(() => {
    finish({ answered: false, sent: 'unknown', detail: NO_ANSWER_IN_TIME });
    stream.close(constants.NGHTTP2_CANCEL);
  }, timeoutMs);

  stream.on('response', (headers: IncomingHttpHeaders & { ':status'?: number }) => {
    heard();
    status = headers[':status'] ?? 0;
    retryAfter = headers['retry-after'];
  });
  // From the start on: where one packet brings both, Node tells the body before the response.
  stream.on('data', (chunk) => {
    body += chunk;
  });
  stream.on('end', () => {
    complete = stream.rstCode === constants.NGHTTP2_NO_ERROR;
  });
  // The only event that every stream has, however it ends.
  stream.on('close', () => {
    if (status === 200) finish(ACCEPTED);
    else if (status !== 0 && complete) finish(readRefusal(status, body, retryAfter));
    else finish(unanswered(stream, fate()));
  });
}

const ACCEPTED: ApnsAnswer = { answered: true, status: 200, reason: '' };

/** RFC 9113, 8.7: a refused stream, and one above the last id of a GOAWAY, was certainly not processed. */
function unanswered(stream: ClientHttp2Stream, fate: ConnectionFate): ApnsAnswer {
  if (stream.id === undefined) return { answered: false, sent: 'no', detail: fate.cause };
  if (fate.goawayLastId !== undefined && stream.id > fate.goawayLastId) {
    return { answered: false, sent: 'no', detail: fate.cause };
  }
  if (!fate.goawayFailed && stream.rstCode === constants.NGHTTP2_REFUSED_STREAM) {
    return { answered: false, sent: 'no', detail: STREAM_REFUSED };
  }
  const reset = !fate.goawayFailed && stream.rstCode !== constants.NGHTTP2_NO_ERROR;
  const detail = reset ? `APNs reset the stream (code ${stream.rstCode})` : fate.cause;
  return { answered: false, sent: 'unknown', detail };
}
