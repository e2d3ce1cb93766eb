import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { frame, framesOf, octetsOf } from '../../../tests/harness/byte-peer.ts';
import { FrameReader } from './frame-reader.ts';

interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly streamId: number;
  readonly payload: Uint8Array;
}

const anyFrame: fc.Arbitrary<Frame> = fc.record({
  type: fc.integer({ min: 0, max: 255 }),
  flags: fc.integer({ min: 0, max: 255 }),
  streamId: fc.integer({ min: 0, max: 2 ** 31 - 1 }),
  payload: fc.oneof(fc.uint8Array({ maxLength: 30 }), fc.uint8Array({ minLength: 90, maxLength: 100 })),
});

const write = (frames: readonly Frame[]) =>
  octetsOf((out) => {
    for (const { type, flags, streamId, payload } of frames) frame(out, type, flags, streamId, payload);
  });

/** Reads `octets` in pieces of these sizes, over and over; each piece is overwritten once it was read. */
function read(octets: Buffer, sizes: readonly number[], maxFrameSize = 100): Frame[] {
  const frames: Frame[] = [];
  const reader = new FrameReader((type, flags, streamId, bytes, start, end) => {
    frames.push({ type, flags, streamId, payload: Uint8Array.from(bytes.subarray(start, end)) });
  }, maxFrameSize);
  for (let at = 0, piece = 0; at < octets.length; piece++) {
    const end = Math.min(at + sizes[piece % sizes.length]!, octets.length);
    const chunk = Buffer.from(octets.subarray(at, end));
    reader.push(chunk);
    chunk.fill(0xee);
    at = end;
  }
  return frames;
}

test('any frames come back, however the octets are cut', () => {
  const cuts = fc.array(fc.integer({ min: 1, max: 120 }), { minLength: 1, maxLength: 10 });
  fc.assert(
    fc.property(fc.array(anyFrame, { maxLength: 8 }), cuts, (frames, sizes) => {
      expect(read(write(frames), sizes)).toEqual(frames);
    }),
    { numRuns: 300 },
  );
});

test('cut at every octet, and octet by octet', () => {
  const frames: Frame[] = [
    { type: 1, flags: 4, streamId: 1, payload: Uint8Array.from([1, 2, 3]) },
    { type: 4, flags: 1, streamId: 0, payload: new Uint8Array(0) },
    { type: 0, flags: 1, streamId: 2 ** 31 - 1, payload: new Uint8Array(100) },
  ];
  const octets = write(frames);
  for (let cut = 1; cut < octets.length; cut++) expect(read(octets, [cut, octets.length])).toEqual(frames);
  expect(read(octets, [1])).toEqual(frames);
});

test('the reserved bit of the stream id means nothing', () => {
  const octets = write([{ type: 0, flags: 0, streamId: 5, payload: new Uint8Array(0) }]);
  octets[5]! |= 0x80;
  expect(framesOf(octets)).toMatchObject([{ type: 'DATA', streamId: 5 }]);
});

test.each([[[9, 1]], [[1]], [[8, 1]], [[1, 8]]])(
  'a frame that is too large is refused once its header is here, in pieces of %j',
  (sizes) => {
    const header = write([{ type: 0, flags: 0, streamId: 1, payload: new Uint8Array(101) }]).subarray(0, 9);
    const refusal = expect.objectContaining({
      code: 6,
      message: 'a frame of 101 octets, where 100 are allowed',
    });
    expect(() => read(header, sizes)).toThrow(refusal as never);
    expect(read(header.subarray(0, 8), sizes)).toEqual([]);
  },
);
