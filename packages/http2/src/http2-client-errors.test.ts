import { expect, test } from '@jest/globals';
import { BytePeer, block, type Fields, frame, headFlags } from '../../../tests/harness/byte-peer.ts';
import { writeFrameHeader, writeReset, writeSettings, writeWindowUpdate } from './frame-writer.ts';
import type { Output } from './output.ts';
import { errorName, Flag, FrameType, SettingId } from './protocol.ts';

const OK: Fields = [[':status', '200']];
const { ACK, END_HEADERS, END_STREAM, PADDED, PRIORITY } = Flag;
const { DATA, HEADERS, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION } =
  FrameType;

/** What RFC 9113 says about the peer's mistake, with the section. Streams 1 and 3 are open. */
const MISTAKES: ReadonlyArray<readonly [string, string, (out: Output) => void]> = [
  ['4.2: a frame above our limit', 'FRAME_SIZE_ERROR', (out) => writeFrameHeader(out, 16_385, DATA, 0, 1)],
  [
    '4.3: a broken header block',
    'COMPRESSION_ERROR',
    (out) => frame(out, HEADERS, headFlags(true), 1, '\x80'),
  ],
  [
    '4.3: a broken block on a stream that has ended',
    'COMPRESSION_ERROR',
    (out) => {
      writeReset(out, 1, 0);
      frame(out, HEADERS, headFlags(true), 1, '\xff');
    },
  ],
  [
    '5.1: HEADERS on an idle stream',
    'PROTOCOL_ERROR',
    (out) => frame(out, HEADERS, headFlags(true), 5, block(OK)),
  ],
  [
    '5.1.1: HEADERS on an even stream',
    'PROTOCOL_ERROR',
    (out) => frame(out, HEADERS, headFlags(true), 2, block(OK)),
  ],
  ['6.1: DATA on stream 0', 'PROTOCOL_ERROR', (out) => frame(out, DATA, 0, 0, 'x')],
  ['5.1: DATA on an idle stream', 'PROTOCOL_ERROR', (out) => frame(out, DATA, 0, 5, 'x')],
  ['6.1: as much padding as payload', 'PROTOCOL_ERROR', (out) => frame(out, DATA, PADDED, 1, '\x02x')],
  ['6.1: PADDED DATA without a length', 'FRAME_SIZE_ERROR', (out) => frame(out, DATA, PADDED, 1)],
  ['6.2: HEADERS on stream 0', 'PROTOCOL_ERROR', (out) => frame(out, HEADERS, headFlags(true), 0, block(OK))],
  ['6.2: half of HEADERS on stream 0', 'PROTOCOL_ERROR', (out) => frame(out, HEADERS, 0, 0, block(OK))],
  [
    '6.2: more padding than payload',
    'PROTOCOL_ERROR',
    (out) => frame(out, HEADERS, END_HEADERS | PADDED, 1, '\x02x'),
  ],
  [
    '6.2: HEADERS too short for PADDED',
    'FRAME_SIZE_ERROR',
    (out) => frame(out, HEADERS, END_HEADERS | PADDED, 1),
  ],
  [
    '6.2: HEADERS too short for PRIORITY',
    'FRAME_SIZE_ERROR',
    (out) => frame(out, HEADERS, END_HEADERS | PRIORITY, 1, 'abcd'),
  ],
  ['6.3: PRIORITY on stream 0', 'PROTOCOL_ERROR', (out) => frame(out, FrameType.PRIORITY, 0, 0, 'abcde')],
  ['6.3: PRIORITY of 4 octets', 'FRAME_SIZE_ERROR', (out) => frame(out, FrameType.PRIORITY, 0, 1, 'abcd')],
  ['6.4: RST_STREAM on stream 0', 'PROTOCOL_ERROR', (out) => writeReset(out, 0, 0)],
  ['6.4: RST_STREAM on an idle stream', 'PROTOCOL_ERROR', (out) => writeReset(out, 5, 0)],
  ['6.4: RST_STREAM of 3 octets', 'FRAME_SIZE_ERROR', (out) => frame(out, RST_STREAM, 0, 1, 'abc')],
  ['6.5: SETTINGS on a stream', 'PROTOCOL_ERROR', (out) => frame(out, SETTINGS, 0, 1)],
  ['6.5: SETTINGS of 5 octets', 'FRAME_SIZE_ERROR', (out) => frame(out, SETTINGS, 0, 0, 'abcde')],
  [
    '6.5: an acknowledgement with a payload',
    'FRAME_SIZE_ERROR',
    (out) => frame(out, SETTINGS, ACK, 0, 'abcdef'),
  ],
  [
    '6.5.2: ENABLE_PUSH by a server',
    'PROTOCOL_ERROR',
    (out) => writeSettings(out, [[SettingId.ENABLE_PUSH, 1]]),
  ],
  [
    '6.5.2: a small frame size',
    'PROTOCOL_ERROR',
    (out) => writeSettings(out, [[SettingId.MAX_FRAME_SIZE, 16_383]]),
  ],
  [
    '6.5.2: a large frame size',
    'PROTOCOL_ERROR',
    (out) => writeSettings(out, [[SettingId.MAX_FRAME_SIZE, 2 ** 24]]),
  ],
  [
    '6.5.2: a large window',
    'FLOW_CONTROL_ERROR',
    (out) => writeSettings(out, [[SettingId.INITIAL_WINDOW_SIZE, 2 ** 31]]),
  ],
  ['6.6: PUSH_PROMISE', 'PROTOCOL_ERROR', (out) => frame(out, PUSH_PROMISE, END_HEADERS, 1, '\0\0\0\x02')],
  ['6.7: PING on a stream', 'PROTOCOL_ERROR', (out) => frame(out, PING, 0, 1, '12345678')],
  ['6.7: PING of 7 octets', 'FRAME_SIZE_ERROR', (out) => frame(out, PING, ACK, 0, '1234567')],
  ['6.8: GOAWAY on a stream', 'PROTOCOL_ERROR', (out) => frame(out, GOAWAY, 0, 1, '12345678')],
  ['6.8: GOAWAY of 7 octets', 'FRAME_SIZE_ERROR', (out) => frame(out, GOAWAY, 0, 0, '1234567')],
  ['6.9: WINDOW_UPDATE by 0', 'PROTOCOL_ERROR', (out) => writeWindowUpdate(out, 0, 0)],
  ['6.9: WINDOW_UPDATE of 5 octets', 'FRAME_SIZE_ERROR', (out) => frame(out, WINDOW_UPDATE, 0, 0, 'abcde')],
  ['6.9: WINDOW_UPDATE on an idle stream', 'PROTOCOL_ERROR', (out) => writeWindowUpdate(out, 5, 1)],
  [
    '6.9.1: a window of the connection that is too large',
    'FLOW_CONTROL_ERROR',
    (out) => writeWindowUpdate(out, 0, 2 ** 31 - 1),
  ],
  ['6.10: CONTINUATION of nothing', 'PROTOCOL_ERROR', (out) => frame(out, CONTINUATION, END_HEADERS, 1)],
  ['6.10: CONTINUATION on stream 0', 'PROTOCOL_ERROR', (out) => frame(out, CONTINUATION, END_HEADERS, 0)],
  [
    '6.10: CONTINUATION on another stream',
    'PROTOCOL_ERROR',
    (out) => {
      frame(out, HEADERS, 0, 1, block(OK));
      frame(out, CONTINUATION, END_HEADERS, 3);
    },
  ],
  [
    '6.10: another frame inside a header block',
    'PROTOCOL_ERROR',
    (out) => {
      frame(out, HEADERS, 0, 1, block(OK));
      frame(out, PING, 0, 0, '12345678');
    },
  ],
  [
    '6.10: an unknown frame inside a header block',
    'PROTOCOL_ERROR',
    (out) => {
      frame(out, HEADERS, 0, 1, block(OK));
      frame(out, 0xbe, 0, 1, 'x');
    },
  ],
  [
    '5.1: DATA behind the end of its stream',
    'STREAM_CLOSED',
    (out) => {
      frame(out, HEADERS, headFlags(true), 1, block(OK));
      frame(out, DATA, END_STREAM, 1, 'x');
    },
  ],
];

test.each(MISTAKES)('RFC 9113, %s: %s', (_, name, write) => {
  const peer = BytePeer.ready();
  peer.request();
  peer.request();
  peer.heard();
  peer.say(write);
  const [failed, code] = peer.events.at(-1)!;
  expect([failed, errorName(code as number)]).toEqual(['failed', name]);
  const [goaway, ...more] = peer.heard();
  expect(goaway).toMatchObject({ type: 'GOAWAY', streamId: 0 });
  expect([goaway!.payload.readUInt32BE(0), goaway!.payload.readUInt32BE(4)]).toEqual([0, code]);
  expect(more).toEqual([]);
  // It is over: no requests, no frames, no second failure; what is open is for the owner to lose.
  expect(peer.request()).toBeUndefined();
  peer.say(write);
  expect(peer.heard()).toEqual([]);
  expect(peer.events.filter(([event]) => event === 'failed')).toHaveLength(1);
});

test.each([
  ['the first frame is a PING', (out: Output) => frame(out, PING, 0, 0, '12345678'), 'PROTOCOL_ERROR'],
  ['an acknowledgement comes first', (out: Output) => frame(out, SETTINGS, ACK, 0), 'PROTOCOL_ERROR'],
  ['HTTP/1.1', (out: Output) => out.latin1('HTTP/1.1 400 Bad Request\r\n\r\n'), 'FRAME_SIZE_ERROR'],
  ['TLS in TLS', (out: Output) => out.append(Buffer.from('16030100b0010000ac', 'hex')), 'FRAME_SIZE_ERROR'],
  ['an SMTP server', (out: Output) => out.latin1('220 mail.example ESMTP\r\n'), 'FRAME_SIZE_ERROR'],
])('%s: it does not begin as HTTP/2 does', (_, write, name) => {
  const peer = new BytePeer();
  peer.heard();
  peer.say(write);
  const [, code, message] = peer.events[0]!;
  expect(errorName(code as number)).toBe(name);
  expect(message).toMatch(/^it does not begin as HTTP\/2 does: /);
});
