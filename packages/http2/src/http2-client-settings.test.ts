import { expect, test } from '@jest/globals';
import { BytePeer, block, frame, headFlags } from '../../../tests/harness/byte-peer.ts';
import { writeSettings, writeWindowUpdate } from './frame-writer.ts';
import { ErrorCode, Flag, FrameType, SettingId } from './protocol.ts';

const { INITIAL_WINDOW_SIZE, MAX_FRAME_SIZE, HEADER_TABLE_SIZE, MAX_CONCURRENT_STREAMS } = SettingId;
const { FLOW_CONTROL_ERROR, PROTOCOL_ERROR } = ErrorCode;

const update = (peer: BytePeer, streamId: number, increment: number) =>
  peer.say((out) => writeWindowUpdate(out, streamId, increment));
const set = (peer: BytePeer, ...settings: Parameters<typeof writeSettings>[1]) =>
  peer.say((out) => writeSettings(out, settings));

test('the limit of streams: none, some, others', () => {
  const peer = BytePeer.ready();
  expect(peer.client.peer.maxConcurrentStreams).toBe(Number.POSITIVE_INFINITY);
  for (const limit of [1_000, 0, 1, 2 ** 32 - 1]) {
    set(peer, [MAX_CONCURRENT_STREAMS, limit]);
    expect(peer.client.peer.maxConcurrentStreams).toBe(limit);
  }
  expect(peer.events).toEqual(Array(5).fill(['settings']));
  expect(peer.heardInShort()).toEqual(Array(4).fill('SETTINGS ACK'));
});

test('a payload waits for the window of its stream, and goes out as the window allows', () => {
  const peer = BytePeer.ready([[INITIAL_WINDOW_SIZE, 10]]);
  const stream = peer.request('x'.repeat(25));
  expect(peer.heardInShort()).toEqual(['HEADERS 1', 'DATA 1 10']);
  expect(stream!.pending).toBeDefined();
  update(peer, 0, 1_000);
  expect(peer.heardInShort()).toEqual([]);
  update(peer, 1, 14);
  expect(peer.heardInShort()).toEqual(['DATA 1 14']);
  update(peer, 1, 14);
  expect(peer.heardInShort()).toEqual(['DATA 1 1 END']);
  expect(stream!.pending).toBeUndefined();
});

test('a window of 0: only the empty payload needs none', () => {
  const peer = BytePeer.ready([[INITIAL_WINDOW_SIZE, 0]]);
  peer.request('x');
  peer.request('');
  expect(peer.heardInShort()).toEqual(['HEADERS 1', 'HEADERS 3', 'DATA 3 0 END']);
  set(peer, [INITIAL_WINDOW_SIZE, 1]);
  expect(peer.heardInShort()).toEqual(['SETTINGS ACK', 'DATA 1 1 END']);
});

test('the window of the connection: payloads wait in their order', () => {
  const peer = BytePeer.ready();
  for (let count = 0; count < 5; count++) peer.request('x'.repeat(15_000));
  expect(peer.heardInShort().slice(6)).toEqual(['HEADERS 7', 'DATA 7 15000 END', 'HEADERS 9', 'DATA 9 5535']);
  peer.request('y'.repeat(100));
  expect(peer.heardInShort()).toEqual(['HEADERS 11']);
  update(peer, 0, 9_465);
  expect(peer.heardInShort()).toEqual(['DATA 9 9465 END']);
  update(peer, 0, 40);
  update(peer, 0, 1_000);
  expect(peer.heardInShort()).toEqual(['DATA 11 40', 'DATA 11 60 END']);
  peer.request('z'.repeat(940));
  expect(peer.heardInShort()).toEqual(['HEADERS 13', 'DATA 13 940 END']);
  peer.request('z');
  expect(peer.heardInShort()).toEqual(['HEADERS 15']);
});

test('a lowered initial window makes windows negative, which must fill up first', () => {
  const peer = BytePeer.ready([[INITIAL_WINDOW_SIZE, 50]]);
  const stream = peer.request('x'.repeat(100));
  set(peer, [INITIAL_WINDOW_SIZE, 10]);
  expect(stream!.sendWindow).toBe(-40);
  peer.heard();
  update(peer, 1, 40);
  expect(peer.heardInShort()).toEqual([]);
  update(peer, 1, 1);
  expect(peer.heardInShort()).toEqual(['DATA 1 1']);
  set(peer, [INITIAL_WINDOW_SIZE, 20]);
  expect(peer.heardInShort()).toEqual(['SETTINGS ACK', 'DATA 1 10']);
  // Both in one frame, in their order: only the sum counts.
  set(peer, [INITIAL_WINDOW_SIZE, 0], [INITIAL_WINDOW_SIZE, 65_535]);
  expect(peer.heardInShort()).toEqual(['SETTINGS ACK', 'DATA 1 39 END']);
});

test('frames are as long as the server takes, header blocks too, and shorter again later', () => {
  const peer = BytePeer.ready([
    [MAX_FRAME_SIZE, 20_000],
    [INITIAL_WINDOW_SIZE, 100_000],
  ]);
  const long = [['x', 'z'.repeat(30_000)]] as const;
  peer.request('x'.repeat(21_000), long);
  expect(peer.heard().map(({ type, flags, payload }) => [type, flags, payload.length])).toEqual([
    ['HEADERS', 0, 20_000],
    ['CONTINUATION', Flag.END_HEADERS, 10_007],
    ['DATA', 0, 20_000],
    ['DATA', Flag.END_STREAM, 1_000],
  ]);
  set(peer, [MAX_FRAME_SIZE, 16_384]);
  peer.request('x'.repeat(16_385));
  expect(peer.heardInShort()).toEqual(['SETTINGS ACK', 'HEADERS 3', 'DATA 3 16384', 'DATA 3 1 END']);
});

test('a header block in CONTINUATION frames is the one that was encoded', () => {
  const peer = BytePeer.ready();
  const fields = [['x', 'z'.repeat(40_000)]] as const;
  peer.request('', fields);
  const frames = peer.heard().filter(({ type }) => type !== 'DATA');
  expect(frames.map(({ type }) => type)).toEqual(['HEADERS', 'CONTINUATION', 'CONTINUATION']);
  const whole = Buffer.concat(frames.map(({ payload }) => payload));
  const heard: string[][] = [];
  peer.decoder.decode(whole, 0, whole.length, (name, value) => heard.push([name, value]));
  expect(heard).toEqual(fields);
});

test('the header table: lowered to 0 and raised in one frame, the next block tells both', () => {
  const peer = BytePeer.ready();
  peer.request('', [['apns-topic', 'a']]);
  peer.heard();
  set(peer, [HEADER_TABLE_SIZE, 0], [HEADER_TABLE_SIZE, 4_096]);
  peer.request('', [['apns-topic', 'a']]);
  const [, headers] = peer.heard();
  expect(headers!.payload.toString('hex')).toMatch(/^203fe11f40/);
});

test('the header table: 0 for good, nothing is indexed any more', () => {
  const peer = BytePeer.ready([[HEADER_TABLE_SIZE, 0]]);
  // A size update to 0, and a literal that is not indexed.
  for (const start of [[0x20, 0x00], [0x00]]) {
    peer.request('', [['apns-topic', 'a']]);
    const [headers] = peer.heard();
    expect([...headers!.payload.subarray(0, start.length)]).toEqual(start);
  }
});

test('DATA opens our windows again, of the stream and of the connection, padding included', () => {
  const peer = BytePeer.ready();
  peer.request();
  peer.heard();
  peer.say((out) => frame(out, FrameType.HEADERS, headFlags(false), 1, block([[':status', '400']])));
  const padded = Buffer.concat([Buffer.from([255]), Buffer.alloc(16_128)]);
  let received = 0;
  const updates = { stream: 0, connection: 0 };
  for (let count = 0; count < 100; count++) {
    peer.say((out) => frame(out, FrameType.DATA, Flag.PADDED, 1, padded));
    received += padded.length;
    for (const { type, streamId, payload } of peer.heard()) {
      expect(type).toBe('WINDOW_UPDATE');
      updates[streamId === 0 ? 'connection' : 'stream'] += payload.readUInt32BE();
    }
    // What was opened never falls behind by more than the window, nor goes ahead of what came.
    expect(received - updates.stream).toBeLessThanOrEqual(65_535 / 2);
    expect(received - updates.connection).toBeLessThanOrEqual(1_048_576 / 2);
    expect(Math.max(updates.stream, updates.connection)).toBeLessThanOrEqual(received);
  }
  expect(peer.ends.size).toBe(0);
});

test.each([
  ['a window of a stream', [[INITIAL_WINDOW_SIZE, 2 ** 31 - 1]], 0, 'the window of a stream is too large'],
  ['INITIAL_WINDOW_SIZE', [[INITIAL_WINDOW_SIZE, 2 ** 31]], 0, 'SETTINGS_INITIAL_WINDOW_SIZE of 2147483648'],
] as const)('%s beyond 2^31 - 1 by SETTINGS ends the connection', (_, settings, __, message) => {
  const peer = BytePeer.ready();
  peer.request();
  update(peer, 1, 10);
  peer.heard();
  set(peer, ...settings);
  expect(peer.events.at(-1)).toEqual(['failed', FLOW_CONTROL_ERROR, message]);
  expect(peer.heardInShort()).toEqual([`GOAWAY ${FLOW_CONTROL_ERROR}`]);
});

test('a window of a stream beyond 2^31 - 1 resets the stream, one of the connection ends it', () => {
  const peer = BytePeer.ready();
  peer.request();
  peer.request();
  peer.heard();
  update(peer, 1, 2 ** 31 - 1);
  expect(peer.heardInShort()).toEqual([`RST_STREAM 1 ${FLOW_CONTROL_ERROR}`]);
  expect(peer.ends.get(1)).toEqual({ type: 'broken', detail: 'the window of the stream is too large' });
  update(peer, 3, 2 ** 31 - 1 - 65_535);
  expect(peer.heardInShort()).toEqual([]);
  update(peer, 0, 2 ** 31 - 1);
  expect(peer.events.at(-1)).toEqual([
    'failed',
    FLOW_CONTROL_ERROR,
    'the window of the connection is too large',
  ]);
});

test('WINDOW_UPDATE by 0 resets a stream, and ends a connection', () => {
  const peer = BytePeer.ready();
  peer.request();
  peer.heard();
  update(peer, 1, 0);
  expect(peer.heardInShort()).toEqual([`RST_STREAM 1 ${PROTOCOL_ERROR}`]);
  update(peer, 0, 0);
  expect(peer.events.at(-1)).toEqual(['failed', PROTOCOL_ERROR, 'WINDOW_UPDATE by 0']);
});
