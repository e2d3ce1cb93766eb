import { expect, test } from '@jest/globals';
import { BytePeer, block, type Fields, frame, headFlags } from '../../../tests/harness/byte-peer.ts';
import { writeGoaway, writeReset, writeSettings, writeWindowUpdate } from './frame-writer.ts';
import { ErrorCode, FrameType, LARGEST_STREAM_ID, SettingId } from './protocol.ts';

const { CANCEL, NO_ERROR, PROTOCOL_ERROR, REFUSED_STREAM, STREAM_CLOSED } = ErrorCode;
const OK: Fields = [[':status', '200']];
const UNPROCESSED = { type: 'unprocessed' };

function withRequests(count: number, options?: ConstructorParameters<typeof BytePeer>[0]): BytePeer {
  const peer = BytePeer.ready([], options);
  for (let number = 0; number < count; number++) peer.request();
  peer.heard();
  return peer;
}

const goaway = (peer: BytePeer, lastId: number, code: number, text = '') =>
  peer.say((out) => writeGoaway(out, lastId, code, text));
const failure = (peer: BytePeer) => peer.events.find(([name]) => name === 'failed');

test('GOAWAY: streams above the last id are unprocessed, the others go on, nothing new begins', () => {
  const peer = withRequests(3);
  goaway(peer, 3, NO_ERROR, '{"reason":"Shutdown"}');
  expect(peer.events.at(-1)).toEqual(['goaway', 3, NO_ERROR, '{"reason":"Shutdown"}']);
  expect([...peer.ends]).toEqual([[5, UNPROCESSED]]);
  expect(peer.request()).toBeUndefined();
  peer.respond(1, OK);
  peer.respond(3, OK);
  expect(peer.ends.get(3)).toMatchObject({ type: 'response' });
  expect(peer.heard()).toEqual([]);
});

test('a graceful end in two steps, and frames for the stream that the server gave up are forgiven', () => {
  const peer = withRequests(3);
  goaway(peer, LARGEST_STREAM_ID, NO_ERROR);
  expect(peer.ends.size).toBe(0);
  goaway(peer, 1, NO_ERROR);
  expect([...peer.ends.keys()]).toEqual([3, 5]);
  peer.respond(3, OK, 'x');
  peer.respond(1, OK);
  expect(peer.ends.get(1)).toMatchObject({ type: 'response' });
  expect(failure(peer)).toBeUndefined();
});

test('GOAWAY may not take back what it said', () => {
  const peer = withRequests(1);
  goaway(peer, 1, NO_ERROR);
  goaway(peer, 3, NO_ERROR);
  expect(failure(peer)).toEqual(['failed', PROTOCOL_ERROR, 'GOAWAY with a higher last stream than before']);
});

test('GOAWAY with an error, before anything: all are unprocessed', () => {
  const peer = withRequests(2);
  goaway(peer, 0, PROTOCOL_ERROR, 'no JSON');
  expect([...peer.ends.values()]).toEqual([UNPROCESSED, UNPROCESSED]);
});

test.each([REFUSED_STREAM, CANCEL, NO_ERROR, 99])('RST_STREAM with code %i ends its stream', (code) => {
  const peer = withRequests(2);
  peer.say((out) => writeReset(out, 1, code));
  expect([...peer.ends]).toEqual([[1, { type: 'reset', code }]]);
  peer.respond(3, OK);
  expect(peer.ends.get(3)).toMatchObject({ type: 'response' });
  expect(peer.heard()).toEqual([]);
});

test('an early answer: what is left of the request is not sent, and NO_ERROR behind it is no news', () => {
  const peer = BytePeer.ready([[SettingId.INITIAL_WINDOW_SIZE, 1]]);
  peer.request('xx');
  peer.heard();
  peer.respond(1, [[':status', '403']], '{}');
  expect(peer.ends.get(1)).toMatchObject({ type: 'response', response: { status: 403, body: '{}' } });
  expect(peer.heardInShort()).toEqual([`RST_STREAM 1 ${CANCEL}`]);
  peer.say((out) => {
    writeReset(out, 1, NO_ERROR);
    writeWindowUpdate(out, 1, 100);
    writeWindowUpdate(out, 0, 100);
  });
  expect(peer.heard()).toEqual([]);
  expect(failure(peer)).toBeUndefined();
});

test('a stream that the server resets does not send what is left of its payload', () => {
  const peer = BytePeer.ready([[SettingId.INITIAL_WINDOW_SIZE, 1]]);
  peer.request('xx');
  peer.heard();
  peer.say((out) => {
    writeReset(out, 1, REFUSED_STREAM);
    writeSettings(out, [[SettingId.INITIAL_WINDOW_SIZE, 100]]);
  });
  expect(peer.heardInShort()).toEqual(['SETTINGS ACK']);
});

test('a cancelled stream is reset; what the server still says about it is forgiven, its table kept', () => {
  const peer = BytePeer.ready();
  const stream = peer.request()!;
  peer.request();
  peer.heard();
  peer.client.cancel(stream);
  peer.client.cancel(stream);
  expect(peer.heardInShort()).toEqual([`RST_STREAM 1 ${CANCEL}`]);
  expect([...peer.ends]).toEqual([[1, { type: 'cancelled', isWhole: true }]]);
  // x-a: b enters the table with a stream that we have forgotten.
  const indexed = Buffer.concat([block(OK), Buffer.from('4003782d610162', 'hex')]);
  peer.say((out) => {
    frame(out, FrameType.HEADERS, headFlags(false), 1, indexed);
    frame(out, FrameType.DATA, 0, 1, 'late');
    frame(out, FrameType.DATA, 1, 1, 'late');
    writeReset(out, 1, NO_ERROR);
    frame(out, FrameType.HEADERS, headFlags(true), 3, Buffer.from('88be', 'hex'));
  });
  expect(peer.ends.get(3)).toMatchObject({ type: 'response', response: { status: 200 } });
  expect(failure(peer)).toBeUndefined();
});

test('a stream that is cancelled while its payload waits was not sent as a whole', () => {
  const peer = BytePeer.ready([[SettingId.INITIAL_WINDOW_SIZE, 1]]);
  peer.client.cancel(peer.request('xx')!);
  expect([...peer.ends]).toEqual([[1, { type: 'cancelled', isWhole: false }]]);
});

test('thousands of late, interim and early answers are no flood: each request may bring some', () => {
  const peer = BytePeer.ready();
  const streams = Array.from({ length: 6_000 }, () => peer.request()!);
  for (const stream of streams) peer.client.cancel(stream);
  for (const { id } of streams) peer.respond(id, [[':status', '503']], '{}');
  expect(failure(peer)).toBeUndefined();
  const early = Array.from({ length: 6_000 }, () => peer.request()!);
  for (const { id } of early) {
    peer.say((out) => frame(out, FrameType.HEADERS, headFlags(false), id, block([[':status', '103']])));
    peer.respond(id, OK);
    peer.say((out) => writeReset(out, id, NO_ERROR));
  }
  expect(failure(peer)).toBeUndefined();
});

test('very old resets are forgotten, and given the benefit of the doubt', () => {
  const peer = BytePeer.ready();
  for (let count = 0; count < 10_100; count++) peer.client.cancel(peer.request()!);
  peer.respond(1, OK);
  peer.respond(20_001, OK);
  expect(failure(peer)).toBeUndefined();
});

test('a second answer on a stream that has ended is an error of the connection', () => {
  const peer = withRequests(1);
  peer.respond(1, OK);
  peer.respond(1, OK);
  expect(failure(peer)).toEqual(['failed', STREAM_CLOSED, 'HEADERS on stream 1, which has ended']);
});

test('the connection is lost: whole requests may have arrived, others have not', () => {
  const peer = BytePeer.ready([[SettingId.INITIAL_WINDOW_SIZE, 3]]);
  peer.request('whole');
  peer.request('{}');
  peer.say((out) => writeWindowUpdate(out, 1, 1));
  peer.client.lose();
  expect([...peer.ends]).toEqual([
    [1, { type: 'lost', isWhole: false }],
    [3, { type: 'lost', isWhole: true }],
  ]);
  expect(peer.request()).toBeUndefined();
  expect(peer.client.open).toBe(0);
  peer.respond(3, OK);
  expect(peer.ends.get(3)).toEqual({ type: 'lost', isWhole: true });
});

test('close says GOAWAY, once, and hears nothing any more', () => {
  const peer = BytePeer.ready();
  peer.client.close();
  peer.client.close();
  expect(peer.heardInShort()).toEqual([`GOAWAY ${NO_ERROR}`]);
  peer.say((out) => frame(out, FrameType.PING, 0, 0, '12345678'));
  expect(peer.heard()).toEqual([]);
});

test('closed inside an answer, it hears nothing of what came with it', () => {
  const peer = BytePeer.ready();
  const encode = () => {};
  peer.client.request(encode, Buffer.from('{}'), () => peer.client.close());
  peer.say((out) => {
    frame(out, FrameType.HEADERS, headFlags(true), 1, block(OK));
    frame(out, FrameType.PUSH_PROMISE, 0, 1, 'x');
  });
  expect(failure(peer)).toBeUndefined();
});

test('stream ids run out: the last one is 2^31 - 1', () => {
  const peer = BytePeer.ready([], { firstStreamId: LARGEST_STREAM_ID - 2 });
  expect([peer.request()!.id, peer.request()!.id]).toEqual([LARGEST_STREAM_ID - 2, LARGEST_STREAM_ID]);
  expect(peer.heardInShort()).toContain(`HEADERS ${LARGEST_STREAM_ID}`);
  expect(peer.request()).toBeUndefined();
  expect(peer.client.lastStreamId).toBe(LARGEST_STREAM_ID);
  peer.respond(LARGEST_STREAM_ID, OK);
  expect(peer.ends.get(LARGEST_STREAM_ID)).toMatchObject({ type: 'response' });
});
