import { expect, test } from '@jest/globals';
import { framesOf, octetsOf } from '../../../tests/harness/byte-peer.ts';
import { writeGoaway, writeHeaders } from './frame-writer.ts';
import { Flag } from './protocol.ts';

test.each([
  [10, 'one frame', [['HEADERS', Flag.END_STREAM | Flag.END_HEADERS, 10]]],
  [
    9,
    'one frame and an octet',
    [
      ['HEADERS', Flag.END_STREAM, 9],
      ['CONTINUATION', Flag.END_HEADERS, 1],
    ],
  ],
  [
    5,
    'two full frames',
    [
      ['HEADERS', Flag.END_STREAM, 5],
      ['CONTINUATION', Flag.END_HEADERS, 5],
    ],
  ],
  [
    4,
    'three',
    [
      ['HEADERS', Flag.END_STREAM, 4],
      ['CONTINUATION', 0, 4],
      ['CONTINUATION', Flag.END_HEADERS, 2],
    ],
  ],
])('ten octets of a header block in frames of %i: %s', (maxFrameSize, _, wanted) => {
  const octets = octetsOf((out) => {
    out.latin1('before'); // it need not stand at the beginning
    writeHeaders(out, 7, maxFrameSize, true, (to) => to.latin1('0123456789'));
  });
  const frames = framesOf(octets.subarray(6));
  expect(frames.map(({ type, flags, payload }) => [type, flags, payload.length])).toEqual(wanted);
  expect(Buffer.concat(frames.map(({ payload }) => payload)).toString()).toBe('0123456789');
  expect(frames.every(({ streamId }) => streamId === 7)).toBe(true);
});

test('debug data of GOAWAY is UTF-8', () => {
  const [goaway] = framesOf(octetsOf((out) => writeGoaway(out, 5, 2, 'é')));
  expect(goaway!.payload).toEqual(Buffer.from('0000000500000002c3a9', 'hex'));
});
