/** Properties of the HTTP/2 client that hold for any frames; how often they are tried is for the test to say. */
import { expect } from '@jest/globals';
import { writeGoaway, writeReset, writeSettings, writeWindowUpdate } from '@pushfleet/http2/frame-writer';
import type { Output } from '@pushfleet/http2/output';
import { Flag, FrameType, SettingId } from '@pushfleet/http2/protocol';
import fc from 'fast-check';
import { BytePeer, block, frame, headFlags, octetsOf } from './byte-peer.ts';

type Write = (out: Output) => void;

const streamId = fc.constantFrom(0, 1, 1, 3, 3, 5, 7, 2, 99);
const text = fc.constantFrom('', 'x', '{"reason":"Unregistered"}', 'y'.repeat(300));
const fields = fc.constantFrom(
  block([[':status', '200']]),
  block([[':status', '103']]),
  block([
    [':status', '429'],
    ['retry-after', '3'],
  ]),
  block([['x-trailer', 'z']]),
  // Into the table, out of it, a table of 0, and nonsense.
  Buffer.from('484003322d78400161016288', 'hex').subarray(6),
  Buffer.from('88be', 'hex'),
  Buffer.from('2088', 'hex'),
  Buffer.from('ffff', 'hex'),
);
const setting = fc.tuple(
  fc.integer({ min: 1, max: 7 }),
  fc.constantFrom(0, 1, 5, 100, 65_535, 16_384, 2 ** 31),
);
const flags = fc.constantFrom(0, 1, 4, 5, 5, 5, 8, 0x2c);

/** Frames as a server might send them, most of them sound. */
const anyWrite: fc.Arbitrary<Write> = fc.oneof(
  fc.tuple(flags, streamId, fields).map(
    ([flag, id, payload]): Write =>
      (out) =>
        frame(out, FrameType.HEADERS, flag, id, payload),
  ),
  fc.tuple(streamId, fields, text).map(
    ([id, head, body]): Write =>
      (out) => {
        frame(out, FrameType.HEADERS, headFlags(false), id, head);
        frame(out, FrameType.DATA, Flag.END_STREAM, id, body);
      },
  ),
  fc.tuple(fc.constantFrom(0, 1, 8), streamId, text).map(
    ([flag, id, payload]): Write =>
      (out) =>
        frame(out, FrameType.DATA, flag, id, payload),
  ),
  fc.tuple(fc.constantFrom(0, 4), streamId, fields).map(
    ([flag, id, payload]): Write =>
      (out) =>
        frame(out, FrameType.CONTINUATION, flag, id, payload),
  ),
  fc.array(setting, { maxLength: 3 }).map(
    (settings): Write =>
      (out) =>
        writeSettings(out, settings),
  ),
  fc.tuple(streamId, fc.constantFrom(0, 1, 30, 2 ** 31 - 1)).map(
    ([id, increment]): Write =>
      (out) =>
        writeWindowUpdate(out, id, increment),
  ),
  fc.tuple(streamId, fc.constantFrom(0, 7, 8)).map(
    ([id, code]): Write =>
      (out) =>
        writeReset(out, id, code),
  ),
  fc.tuple(streamId, text).map(
    ([id, debug]): Write =>
      (out) =>
        writeGoaway(out, id, 0, debug),
  ),
  fc.constant<Write>((out) => frame(out, FrameType.PING, 0, 0, '12345678')),
  fc.tuple(fc.integer({ min: 0, max: 12 }), flags, streamId, text).map(
    ([type, flag, id, payload]): Write =>
      (out) =>
        frame(out, type, flag, id, payload),
  ),
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
export const anySplit = fc.property(fc.array(anyWrite, { maxLength: 8 }), pieceSizes, (writes, pieces) => {
  const octets = octetsOf((out) => {
    for (const write of writes) write(out);
  });
  const whole = outcome(start(), octets, [octets.length || 1]);
  expect(outcome(start(), octets, pieces)).toEqual(whole);
});

const spoiltOctets = fc.oneof(
  fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
  fc.array(anyWrite, { maxLength: 5 }).chain((writes) => {
    const sound = octetsOf((out) => {
      for (const write of writes) write(out);
    });
    const place = fc.nat({ max: Math.max(0, sound.length - 1) });
    return fc.array(fc.tuple(place, fc.nat({ max: 255 })), { maxLength: 3 }).map((changes) => {
      for (const [at, octet] of changes) if (at < sound.length) sound[at] = octet;
      return sound;
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
