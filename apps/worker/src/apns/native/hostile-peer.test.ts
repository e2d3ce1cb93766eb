import type { TLSSocket } from 'node:tls';
import { afterEach, expect, test } from '@jest/globals';
import { writeGoaway, writeReset, writeSettings, writeWindowUpdate } from '@pushfleet/http2/frame-writer';
import type { Output } from '@pushfleet/http2/output';
import { errorName, FrameType, SettingId } from '@pushfleet/http2/protocol';
import { aPush, eventually } from '../../../../../tests/harness/apns-peers.ts';
import { block, frame, headFlags, octetsOf } from '../../../../../tests/harness/byte-peer.ts';
import { answerOf } from '../../../../../tests/harness/connectors.ts';
import {
  floodWith,
  SETTINGS,
  startRawPeer,
  watchMemory,
} from '../../../../../tests/harness/raw-http2-peer.ts';

const { HEADERS, DATA, CONTINUATION, PING } = FrameType;
const OK = block([[':status', '200']]);
const MOST_GROWTH_BYTES = 30_000_000;

let close: (() => Promise<void>) | undefined;
afterEach(() => close?.());

async function start(onSocket: (socket: TLSSocket) => void) {
  const peer = await startRawPeer(onSocket);
  close = peer.close;
  return peer;
}

const frames = (write: (out: Output) => void) => octetsOf(write);
const times = (count: number, write: (out: Output) => void) =>
  octetsOf((out) => {
    for (let number = 0; number < count; number++) write(out);
  });

/** What it says at first, and what it floods us with once it has heard three requests. */
async function meet(first: Buffer, then?: (socket: TLSSocket) => void) {
  const peer = await start((socket) => {
    socket.write(first);
    let heard = 0;
    socket.on('data', (chunk) => {
      heard += chunk.length;
      // The preface with our settings has less than 100 octets, three requests more than 600.
      if (heard > 600) {
        heard = Number.NEGATIVE_INFINITY;
        then?.(socket);
      }
    });
  });
  const { connection, dead } = peer.connect();
  const ready = await connection.ready.then(
    () => true,
    () => false,
  );
  const memory = watchMemory();
  const answers = await Promise.all([1, 2, 3].map((number) => answerOf(connection, aPush(number), 20_000)));
  const detail = await dead;
  return { ready, answers, detail, growth: memory.stop(), peer };
}

test.each([
  ['nothing but garbage', Buffer.alloc(5_000, 0xa5), /does not begin as HTTP\/2 does: a frame of \d+ octets/],
  [
    'HTTP/1.1',
    Buffer.from('HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n'),
    /does not begin as HTTP\/2/,
  ],
  ['zeros', Buffer.alloc(100), /the first frame is not SETTINGS/],
  ['a PING first', frames((out) => frame(out, PING, 0, 0, '12345678')), /the first frame is not SETTINGS/],
])('a server that says %s: a clear sentence, and nothing was sent', async (_, first, sentence) => {
  const { ready, answers, detail, peer } = await meet(first);
  expect(ready).toBe(false);
  expect(detail).toMatch(sentence);
  expect(answers.map((answer) => !answer.answered && answer.sent)).toEqual(['no', 'no', 'no']);
  await eventually(() => peer.heardFrames().some(({ type }) => type === 'GOAWAY'));
});

const ANSWER_BEGINS = frames((out) => frame(out, HEADERS, headFlags(false), 1, OK));
const HALF_A_BLOCK = frames((out) => frame(out, HEADERS, 0, 1, OK));
const BOMB = Buffer.concat([
  Buffer.from('4001617fa11e', 'hex'),
  Buffer.alloc(4_000, 'x'),
  Buffer.alloc(9_000, 0xbe),
]);
const answer1 = (payload: Buffer | string) =>
  frames((out) => frame(out, HEADERS, headFlags(true), 1, Buffer.from(payload as string, 'hex')));

/** What comes behind SETTINGS once, what again and again, and the code and sentence that end it. */
test.each<[string, Buffer, Buffer, string, RegExp]>([
  [
    'an oversized frame',
    Buffer.from('0040010000000000010000', 'hex'),
    Buffer.alloc(9),
    'FRAME_SIZE_ERROR',
    /16385 octets/,
  ],
  [
    'the largest frame there is',
    Buffer.from('ffffff000000000001', 'hex'),
    Buffer.alloc(9),
    'FRAME_SIZE_ERROR',
    /16777215/,
  ],
  [
    'answers to streams that were never opened',
    Buffer.alloc(0),
    times(9, (out) => frame(out, HEADERS, headFlags(true), 99, OK)),
    'PROTOCOL_ERROR',
    /stream 99, never opened/,
  ],
  [
    'answers to streams of its own',
    Buffer.alloc(0),
    times(9, (out) => frame(out, HEADERS, headFlags(true), 2, OK)),
    'PROTOCOL_ERROR',
    /stream 2, never/,
  ],
  [
    'a window that overflows',
    Buffer.alloc(0),
    times(2, (out) => writeWindowUpdate(out, 0, 2 ** 31 - 1)),
    'FLOW_CONTROL_ERROR',
    /window of the connection/,
  ],
  [
    'an HPACK bomb through the table',
    Buffer.alloc(0),
    frames((out) => frame(out, HEADERS, headFlags(true), 1, BOMB)),
    'ENHANCE_YOUR_CALM',
    /header list of more than 65536/,
  ],
  [
    'a huge integer in HPACK',
    Buffer.alloc(0),
    answer1('7fffffffffffff7f'),
    'COMPRESSION_ERROR',
    /integer is too large/,
  ],
  ['a huge string in HPACK', Buffer.alloc(0), answer1('007fffffff7f'), 'COMPRESSION_ERROR', /cut off/],
  [
    'a table above ours',
    Buffer.alloc(0),
    answer1('3fe21f'),
    'COMPRESSION_ERROR',
    /a table of 4097, where 4096 are allowed/,
  ],
  [
    'pings',
    Buffer.alloc(0),
    times(900, (out) => frame(out, PING, 0, 0, '12345678')),
    'ENHANCE_YOUR_CALM',
    /bring nothing/,
  ],
  [
    'settings',
    Buffer.alloc(0),
    times(900, (out) => writeSettings(out, [[SettingId.HEADER_TABLE_SIZE, 9]])),
    'ENHANCE_YOUR_CALM',
    /bring nothing/,
  ],
  [
    'empty DATA',
    ANSWER_BEGINS,
    times(900, (out) => frame(out, DATA, 0, 1)),
    'ENHANCE_YOUR_CALM',
    /bring nothing/,
  ],
  [
    'empty CONTINUATION',
    HALF_A_BLOCK,
    times(900, (out) => frame(out, CONTINUATION, 0, 1)),
    'ENHANCE_YOUR_CALM',
    /bring nothing/,
  ],
  [
    'CONTINUATION without an end',
    HALF_A_BLOCK,
    times(9, (out) => frame(out, CONTINUATION, 0, 1, Buffer.alloc(16_000))),
    'ENHANCE_YOUR_CALM',
    /header block of more than 65536/,
  ],
  [
    'priorities',
    Buffer.alloc(0),
    times(900, (out) => frame(out, FrameType.PRIORITY, 0, 1, '12345')),
    'ENHANCE_YOUR_CALM',
    /bring nothing/,
  ],
  [
    'unknown frames',
    Buffer.alloc(0),
    times(90, (out) => frame(out, 0xbe, 0, 0, Buffer.alloc(1_000))),
    'ENHANCE_YOUR_CALM',
    /bring nothing/,
  ],
  [
    'resets of a closed stream',
    Buffer.alloc(0),
    times(900, (out) => writeReset(out, 1, 8)),
    'ENHANCE_YOUR_CALM',
    /bring nothing/,
  ],
  [
    'GOAWAY',
    Buffer.alloc(0),
    times(900, (out) => writeGoaway(out, 2 ** 31 - 1, 0)),
    'ENHANCE_YOUR_CALM',
    /GOAWAY/,
  ],
  [
    'updates by 1 until the window overflows',
    frames((out) => writeWindowUpdate(out, 0, 2 ** 31 - 1 - 65_535 - 99_999)),
    times(900, (out) => writeWindowUpdate(out, 0, 1)),
    'FLOW_CONTROL_ERROR',
    /window of the connection|too large/,
  ],
])('a peer that sends %s', async (_, once, again, name, sentence) => {
  const { ready, answers, detail, growth, peer } = await meet(SETTINGS, (socket) => {
    socket.write(once);
    floodWith(socket, again);
  });
  expect(ready).toBe(true);
  expect(detail).toMatch(sentence);
  expect(answers).toHaveLength(3); // each of them was settled
  expect(growth).toBeLessThan(MOST_GROWTH_BYTES);
  const goaway = () => peer.heardFrames().find(({ type }) => type === 'GOAWAY');
  await eventually(() => goaway() !== undefined);
  expect(errorName(goaway()!.payload.readUInt32BE(4))).toBe(name);
});
