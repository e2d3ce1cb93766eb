/** Properties of the HTTP/2 client that hold for any frames; how often they are tried is for the test to say. */
import { expect } from '@jest/globals';
import { writeGoaway, writeReset, writeSettings, writeWindowUpdate } from '@pushfleet/http2/frame-writer';
import type { Output } from '@pushfleet/http2/output';
import { Flag, FrameType, SettingId } from '@pushfleet/http2/protocol';
import fc from 'fast-check';
import { BytePeer, block, frame, headFlags, octetsOf } from './byte-peer.ts';

type Write = (out: Output) => void;

const openId = fc.constantFrom(1, 3, 5, 7);
const text = fc.constantFrom('', 'x', '{"reason":"Unregistered"}', 'y'.repeat(300));
const head = fc.constantFrom(
  block([[':status', '200']]),
  block([
    [':status', '429'],
    ['retry-after', '3'],
  ]),
  Buffer.from('88', 'hex'),
  // :status 302 into the table, behind a size update; a table of 0.
  Buffer.from('3fe11f4803333032', 'hex'),
  Buffer.from('2088', 'hex'),
);
const interim = block([[':status', '103']]);
const setting = fc.oneof(
  fc.tuple(fc.constant(1), fc.constantFrom(0, 50, 4_096)),
  fc.tuple(fc.constantFrom(3, 6, 77), fc.nat({ max: 1_000 })),
  fc.tuple(fc.constant(4), fc.constantFrom(0, 1, 5, 100, 65_535)),
  fc.tuple(fc.constant(5), fc.constantFrom(16_384, 70_000)),
);

/** What a server may say. */
const soundWrite: fc.Arbitrary<Write> = fc.oneof(
  fc.tuple(openId, head, text).map(
    ([id, fields, body]): Write =>
      (out) => {
        frame(out, FrameType.HEADERS, headFlags(false), id, fields);
        frame(out, FrameType.DATA, 0, id, body);
        frame(out, FrameType.DATA, Flag.END_STREAM, id, body.slice(1));
      },
  ),
  fc.tuple(openId, head, fc.nat({ max: 20 })).map(
    ([id, fields, cut]): Write =>
      (out) => {
        frame(out, FrameType.HEADERS, Flag.END_STREAM, id, fields.subarray(0, cut));
        frame(out, FrameType.CONTINUATION, Flag.END_HEADERS, id, fields.subarray(cut));
      },
  ),
  openId.map(
    (id): Write =>
      (out) =>
        frame(out, FrameType.HEADERS, headFlags(false), id, interim),
  ),
  fc.array(setting, { maxLength: 3 }).map(
    (settings): Write =>
      (out) =>
        writeSettings(out, settings),
  ),
  fc.tuple(fc.constantFrom(0, 1, 3, 5, 7), fc.integer({ min: 1, max: 300 })).map(
    ([id, increment]): Write =>
      (out) =>
        writeWindowUpdate(out, id, increment),
  ),
  fc.tuple(openId, fc.constantFrom(0, 7, 8)).map(
    ([id, code]): Write =>
      (out) =>
        writeReset(out, id, code),
  ),
  text.map(
    (debug): Write =>
      (out) =>
        writeGoaway(out, 7, 0, debug),
  ),
  fc.constantFrom(0, Flag.ACK).map(
    (flag): Write =>
      (out) =>
        frame(out, FrameType.PING, flag, 0, '12345678'),
  ),
  fc.constant<Write>((out) => frame(out, 0xbe, 0xff, 3, 'whatever')),
);

/** What it may not, most of it. */
const wildWrite: fc.Arbitrary<Write> = fc
  .tuple(
    fc.integer({ min: 0, max: 12 }),
    fc.constantFrom(0, 1, 4, 5, 8, 0x2c),
    fc.constantFrom(0, 1, 2, 3, 99),
    fc.oneof(text, head, fc.uint8Array({ maxLength: 12 })),
  )
  .map(
    ([type, flag, id, payload]): Write =>
      (out) =>
        frame(out, type, flag, id, payload),
  );

const anyWrite = fc.oneof({ arbitrary: soundWrite, weight: 12 }, { arbitrary: wildWrite, weight: 1 });
const someFrames = fc.array(anyWrite, { maxLength: 10 }).map((writes) =>
  octetsOf((out) => {
    for (const write of writes) write(out);
  }),
);

/** A client with four requests, two of which wait for a window. */
function start(): BytePeer {
  const peer = BytePeer.ready([[SettingId.INITIAL_WINDOW_SIZE, 20]]);
  for (const size of [2, 40, 20, 300]) peer.request('p'.repeat(size));
  peer.heard();
  return peer;
}

function outcome(peer: BytePeer, octets: Buffer, sizes: readonly number[]) {
  for (let at = 0, piece = 0; at < octets.length; piece++) {
    const end = at + sizes[piece % sizes.length]!;
    const chunk = Buffer.from(octets.subarray(at, end));
    peer.sayOctets(chunk);
    chunk.fill(0xee); // a chunk belongs to the socket, which uses it again
    at = end;
  }
  const { client, events, ends } = peer;
  return { events, ends: [...ends], said: peer.heardOctets().toString('hex'), open: client.open };
}

const pieceSizes = fc.array(fc.integer({ min: 1, max: 200 }), { minLength: 1, maxLength: 8 });
/** However the octets are cut: the same events, the same answers, the same octets from us. */
export const anySplit = fc.property(someFrames, pieceSizes, (octets, pieces) => {
  const whole = outcome(start(), octets, [octets.length || 1]);
  expect(outcome(start(), octets, pieces)).toEqual(whole);
});

/** Octets that are frames, mostly sound, with some of them changed; or any octets at all. */
export const spoiltOctets = fc.oneof(
  fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
  someFrames.chain((sound) => {
    const place = fc.nat({ max: Math.max(0, sound.length - 1) });
    return fc.array(fc.tuple(place, fc.nat({ max: 255 })), { maxLength: 3 }).map((changes) => {
      const spoilt = Buffer.from(sound);
      for (const [at, octet] of changes) if (at < spoilt.length) spoilt[at] = octet;
      return spoilt;
    });
  }),
);

/** Nothing is thrown, and every request is settled once. */
export const anyOctets = fc.property(spoiltOctets, (bytes) => {
  const peer = BytePeer.ready();
  let settled = 0;
  for (let count = 0; count < 3; count++)
    peer.client.request(
      () => {},
      Buffer.from('{}'),
      () => settled++,
    );
  peer.sayOctets(bytes);
  expect(settled + peer.client.open).toBe(3);
  peer.client.lose();
  expect(settled).toBe(3);
});
