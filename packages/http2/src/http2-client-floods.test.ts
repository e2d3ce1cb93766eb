import { expect, test } from '@jest/globals';
import {
  BytePeer,
  block,
  type Fields,
  frame,
  headFlags,
  octetsOf,
} from '../../../tests/harness/byte-peer.ts';
import { writeReset, writeWindowUpdate } from './frame-writer.ts';
import type { Output } from './output.ts';
import { ErrorCode, Flag, FrameType } from './protocol.ts';

const OK: Fields = [[':status', '200']];
const { ACK, PADDED } = Flag;
const { DATA, HEADERS, SETTINGS, PING, GOAWAY, CONTINUATION } = FrameType;
type Write = (out: Output) => void;

const HALF_A_BLOCK = (out: Output) => frame(out, HEADERS, 0, 1, block(OK));
const ANSWER_BEGINS: Write = (out) => frame(out, HEADERS, headFlags(false), 1, block(OK));
const STREAM_ENDS: Write = (out) => writeReset(out, 1, 0);

/** A frame that brings nothing, and what must come before the first of them. */
const FLOODS: ReadonlyArray<readonly [string, Write, Write | null]> = [
  ['pings', (out) => frame(out, PING, 0, 0, '12345678'), null],
  ['pongs', (out) => frame(out, PING, ACK, 0, '12345678'), null],
  ['settings', (out) => frame(out, SETTINGS, 0, 0), null],
  ['acknowledgements', (out) => frame(out, SETTINGS, ACK, 0), null],
  ['PRIORITY', (out) => frame(out, FrameType.PRIORITY, 0, 1, 'abcde'), null],
  ['unknown frames', (out) => frame(out, 0xbe, 0, 0), null],
  ['GOAWAY', (out) => frame(out, GOAWAY, 0, 0, Buffer.from('7fffffff00000000', 'hex')), null],
  ['interim answers', (out) => frame(out, HEADERS, headFlags(false), 1, block([[':status', '103']])), null],
  ['empty CONTINUATION', (out) => frame(out, CONTINUATION, 0, 1), HALF_A_BLOCK],
  ['empty DATA', (out) => frame(out, DATA, 0, 1), ANSWER_BEGINS],
  ['DATA of padding', (out) => frame(out, DATA, PADDED, 1, '\x03abc'), ANSWER_BEGINS],
  ['resets of an ended stream', STREAM_ENDS, STREAM_ENDS],
  ['updates of an ended stream', (out) => writeWindowUpdate(out, 1, 1), STREAM_ENDS],
];

test.each(FLOODS)('a flood of %s ends the connection', (_, write, first) => {
  const peer = BytePeer.ready();
  peer.request();
  if (first) peer.say(first);
  const hundred = octetsOf((out) => {
    for (let count = 0; count < 100; count++) write(out);
  });
  let rounds = 0;
  const failed = () => peer.events.at(-1)![0] === 'failed';
  for (; !failed() && rounds < 60; rounds++) peer.sayOctets(hundred);
  expect(rounds).toBeGreaterThanOrEqual(50);
  expect(peer.events.at(-1)).toEqual([
    'failed',
    ErrorCode.ENHANCE_YOUR_CALM,
    'more than 5000 frames that bring nothing',
  ]);
});

test('what a lively server says in ten minutes is no flood', () => {
  const peer = BytePeer.ready();
  const ping = octetsOf((out) => frame(out, PING, 0, 0, '12345678'));
  for (let second = 0; second < 600; second++) {
    peer.nowMs = second * 1_000;
    for (let count = 0; count < 99; count++) peer.sayOctets(ping);
    peer.heardOctets();
  }
  expect(peer.events).toEqual([['settings']]);
});

test('CONTINUATION that never ends is stopped at 65,536 octets', () => {
  const peer = BytePeer.ready();
  peer.request();
  peer.say(HALF_A_BLOCK);
  const octets = octetsOf((out) => frame(out, CONTINUATION, 0, 1, Buffer.alloc(16_384)));
  for (let count = 0; count < 3; count++) peer.sayOctets(octets);
  expect(peer.events).toEqual([['settings']]);
  peer.sayOctets(octets);
  expect(peer.events.at(-1)).toEqual([
    'failed',
    ErrorCode.ENHANCE_YOUR_CALM,
    'a header block of more than 65536 octets',
  ]);
});
