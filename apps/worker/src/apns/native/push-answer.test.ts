import { expect, test } from '@jest/globals';
import { ClientStream, type StreamEnd } from '@pushfleet/http2/client-stream';
import { toAnswer } from './push-answer.ts';

const HANDED_OVER = 5;
const CAUSE = 'the cable was cut';
const LATE = 'no answer in time';
const response = (status: number, body = '', fields?: Map<string, string>): StreamEnd => ({
  type: 'response',
  response: { status, body, fields },
});
const unknown = (detail: string) => ({ answered: false, sent: 'unknown', detail });
const notSent = (detail: string) => ({ answered: false, sent: 'no', detail });

function answer(end: StreamEnd, id: number, status = 0) {
  const stream = new ClientStream(id, () => {}, 0, 0);
  stream.status = end.type === 'response' ? end.response.status : status;
  return toAnswer(end, stream, HANDED_OVER, CAUSE);
}

test.each<[string, StreamEnd, number, object]>([
  ['accepted', response(200), 1, { answered: true, status: 200, reason: '' }],
  [
    'refused',
    response(410, '{"reason":"Unregistered","timestamp":1790000000000}'),
    1,
    { answered: true, status: 410, reason: 'Unregistered', timestamp: 1790000000000 },
  ],
  [
    'refused for a while',
    response(429, '{"reason":"TooManyRequests"}', new Map([['retry-after', '2']])),
    1,
    { answered: true, status: 429, reason: 'TooManyRequests', retryAfterMs: 2_000 },
  ],
  ['refused by somebody else', response(502, '<html>'), 1, { answered: true, status: 502, reason: '' }],
  ['refused as a stream', { type: 'reset', code: 7 }, 1, notSent('APNs refused the stream')],
  ['reset', { type: 'reset', code: 2 }, 1, unknown('APNs reset the stream (INTERNAL_ERROR)')],
  ['reset without an error', { type: 'reset', code: 0 }, 1, unknown('APNs reset the stream (NO_ERROR)')],
  ['reset with an unknown code', { type: 'reset', code: 77 }, 1, unknown('APNs reset the stream (code 77)')],
  ['answered with nonsense', { type: 'broken', detail: 'malformed' }, 1, unknown('malformed')],
  ['above the last id of GOAWAY', { type: 'unprocessed' }, 1, notSent(CAUSE)],
  ['lost as a whole', { type: 'lost', isWhole: true }, 1, unknown(CAUSE)],
  ['lost with its payload waiting', { type: 'lost', isWhole: false }, 1, notSent(CAUSE)],
  ['lost, the last of a write', { type: 'lost', isWhole: true }, HANDED_OVER, unknown(CAUSE)],
  ['lost before the socket had it', { type: 'lost', isWhole: true }, HANDED_OVER + 2, notSent(CAUSE)],
  ['too late', { type: 'cancelled', isWhole: true }, 1, unknown(LATE)],
  ['too late with its payload waiting', { type: 'cancelled', isWhole: false }, 1, notSent(LATE)],
  // It leaves all the same, with a reset behind it.
  ['too late before the socket had it', { type: 'cancelled', isWhole: true }, HANDED_OVER + 2, unknown(LATE)],
])('a push that was %s', (_, end, id, wanted) => {
  expect(answer(end, id)).toMatchObject(wanted);
});

test.each<StreamEnd>([
  { type: 'lost', isWhole: true },
  { type: 'reset', code: 8 },
  { type: 'broken', detail: 'x' },
  { type: 'cancelled', isWhole: true },
])('status 200 came and holds, whatever follows: $type', (end) => {
  expect(answer(end, 1, 200)).toEqual({ answered: true, status: 200, reason: '' });
  expect(answer(end, 1, 410)).toMatchObject({ answered: end.type === 'response' });
});
