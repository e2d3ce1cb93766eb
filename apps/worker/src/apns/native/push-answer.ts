/** What the end of a stream says about the push on it. Pure. */
import type { ClientStream, StreamEnd } from '@pushfleet/http2/client-stream';
import { ErrorCode, errorName } from '@pushfleet/http2/protocol';
import type { ApnsAnswer } from '@pushfleet/shared/domain/apns-answer';
import { NO_ANSWER_IN_TIME, STREAM_REFUSED } from '../apns-connection.ts';
import { readRefusal } from '../refusal-body.ts';

/**
 * `handedOverUpTo`: the last stream of which something was given to the socket before the connection ended.
 * `cause`: why it ends, if it does. RFC 9113, 8.7: a refused stream, one above the last id of a GOAWAY and
 * one of which the end never leaves was certainly not processed.
 */
export function toAnswer(
  end: StreamEnd,
  stream: ClientStream,
  handedOverUpTo: number,
  cause: string,
): ApnsAnswer {
  // Said once, it holds, however the stream ends.
  if (stream.status === 200) return ACCEPTED;
  switch (end.type) {
    case 'response':
      return readRefusal(end.response.status, end.response.body, end.response.fields?.get('retry-after'));
    case 'reset':
      if (end.code === ErrorCode.REFUSED_STREAM)
        return { answered: false, sent: 'no', detail: STREAM_REFUSED };
      return { answered: false, sent: 'unknown', detail: `APNs reset the stream (${errorName(end.code)})` };
    case 'broken':
      return { answered: false, sent: 'unknown', detail: end.detail };
    case 'unprocessed':
      return { answered: false, sent: 'no', detail: cause };
    case 'cancelled':
      // What still waits for the socket goes out with the reset behind it: the server may act on it first.
      return { answered: false, sent: end.isWhole ? 'unknown' : 'no', detail: NO_ANSWER_IN_TIME };
    case 'lost':
      return {
        answered: false,
        sent: end.isWhole && stream.id <= handedOverUpTo ? 'unknown' : 'no',
        detail: cause,
      };
  }
}

const ACCEPTED: ApnsAnswer = { answered: true, status: 200, reason: '' };
