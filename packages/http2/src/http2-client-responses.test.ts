import { expect, test } from '@jest/globals';
import {
  BytePeer,
  block,
  type Fields,
  frame,
  headFlags,
  octetsOf,
} from '../../../tests/harness/byte-peer.ts';
import { CLIENT_PREFACE, ErrorCode, Flag, FrameType } from './protocol.ts';

const { PROTOCOL_ERROR } = ErrorCode;
const OK: Fields = [[':status', '200']];
const answered = (status: number, body = '', fields?: Map<string, string>) => ({
  type: 'response',
  response: { status, body, fields },
});
const malformed = (what: string) => ({ type: 'broken', detail: `malformed answer: ${what}` });

test('the client begins with its preface, SETTINGS and a larger window', () => {
  const peer = new BytePeer();
  const octets = peer.heardOctets();
  const settings = '00000c04000000000000020000000000060001 0000';
  const update = '000004080000000000000f0001';
  expect(octets.toString('hex')).toBe(
    CLIENT_PREFACE.toString('hex') + (settings + update).replaceAll(' ', ''),
  );
});

test('SETTINGS are acknowledged, a request is HEADERS and DATA, an answer ends it', () => {
  const peer = BytePeer.ready();
  expect(peer.events).toEqual([['settings']]);
  const stream = peer.request('{"aps":{}}');
  expect(stream!.id).toBe(1);
  const [headers, data, ...more] = peer.heard();
  expect(headers).toMatchObject({ type: 'HEADERS', flags: Flag.END_HEADERS, streamId: 1 });
  expect(data).toMatchObject({ type: 'DATA', flags: Flag.END_STREAM, streamId: 1 });
  expect(data!.payload.toString()).toBe('{"aps":{}}');
  expect(more).toEqual([]);
  expect(peer.client.open).toBe(1);
  peer.respond(1, OK);
  expect(peer.ends.get(1)).toEqual(answered(200));
  expect(peer.client.open).toBe(0);
  expect(peer.heard()).toEqual([]);
});

test('a refusal: status, the fields that are wanted, and the body in pieces', () => {
  const peer = BytePeer.ready();
  peer.request();
  const head: Fields = [
    [':status', '429'],
    ['apns-id', 'x'],
    ['retry-after', '7'],
    ['content-length', '8'],
  ];
  peer.say((out) => {
    frame(out, FrameType.HEADERS, headFlags(false), 1, block(head));
    frame(out, FrameType.DATA, 0, 1, '{"r"');
    frame(out, FrameType.DATA, 0, 1, ':');
    frame(out, FrameType.DATA, Flag.END_STREAM, 1, '"é');
  });
  // "é" has two octets.
  expect(peer.ends.get(1)).toEqual(answered(429, '{"r":"é', new Map([['retry-after', '7']])));
});

test('a body is kept up to its limit, however it comes; the rest is counted', () => {
  const peer = BytePeer.ready([], { maxResponseBytes: 10 });
  peer.request();
  peer.request();
  const head = block([
    [':status', '400'],
    ['content-length', '26'],
  ]);
  const alphabet = 'abcdefghijklmnopqrstuvwxyz';
  peer.say((out) => {
    frame(out, FrameType.HEADERS, headFlags(false), 1, head);
    for (const char of alphabet) frame(out, FrameType.DATA, 0, 1, char);
    frame(out, FrameType.DATA, Flag.END_STREAM, 1);
    frame(out, FrameType.HEADERS, headFlags(false), 3, head);
    frame(out, FrameType.DATA, Flag.END_STREAM, 3, alphabet);
  });
  expect(peer.ends.get(1)).toEqual(answered(400, 'abcdefghij'));
  expect(peer.ends.get(3)).toEqual(answered(400, 'abcdefghij'));
});

test('interim responses and trailers are passed over', () => {
  const peer = BytePeer.ready();
  peer.request();
  peer.say((out) => {
    frame(out, FrameType.HEADERS, headFlags(false), 1, block([[':status', '100']]));
    frame(out, FrameType.HEADERS, headFlags(false), 1, block([[':status', '103']]));
    frame(out, FrameType.HEADERS, headFlags(false), 1, block([[':status', '410']]));
    frame(out, FrameType.DATA, 0, 1, '{}');
    frame(out, FrameType.HEADERS, headFlags(true), 1, block([['x-trailer', '1']]));
  });
  expect(peer.ends.get(1)).toEqual(answered(410, '{}'));
  expect(peer.events).toEqual([['settings']]);
});

test('an answer in CONTINUATION frames, with padding and priority, in whatever pieces', () => {
  const peer = BytePeer.ready();
  peer.request();
  const whole = block([...OK, ['x-long', 'y'.repeat(100)]]);
  const padded = (payload: Uint8Array | string, padding: number, priority = '') =>
    Buffer.concat([
      Buffer.from([padding]),
      Buffer.from(priority),
      Buffer.from(payload),
      Buffer.alloc(padding),
    ]);
  peer.say((out) => {
    const flags = Flag.PADDED | Flag.PRIORITY | Flag.END_STREAM;
    frame(out, FrameType.HEADERS, flags, 1, padded(whole.subarray(0, 5), 200, '\0\0\0\0\x10'));
    frame(out, FrameType.CONTINUATION, 0, 1);
    for (const octet of whole.subarray(5)) frame(out, FrameType.CONTINUATION, 0, 1, Uint8Array.of(octet));
    frame(out, FrameType.CONTINUATION, Flag.END_HEADERS, 1);
  });
  expect(peer.ends.get(1)).toEqual(answered(200));

  peer.request();
  peer.say((out) => {
    frame(out, FrameType.HEADERS, headFlags(false) | Flag.PADDED, 3, padded(block([[':status', '500']]), 3));
    frame(out, FrameType.DATA, Flag.PADDED, 3, padded('{', 255));
    frame(out, FrameType.DATA, Flag.PADDED | Flag.END_STREAM, 3, padded('}', 0));
  });
  expect(peer.ends.get(3)).toEqual(answered(500, '{}'));
});

test('unknown frames, unknown settings and PRIORITY are passed over', () => {
  const peer = BytePeer.ready();
  peer.request();
  peer.heard();
  peer.say((out) => {
    frame(out, 0xbe, 0xff, 0, 'whatever');
    frame(out, 0xff, 0xff, 7, '');
    frame(out, FrameType.PRIORITY, 0, 99, '\0\0\0\x01\x10');
    frame(out, FrameType.SETTINGS, 0, 0, Buffer.from('00ffffffffff', 'hex'));
  });
  peer.respond(1, OK);
  expect(peer.ends.get(1)).toEqual(answered(200));
  expect(peer.heardInShort()).toEqual(['SETTINGS ACK']);
});

test('a ping is answered with its own eight octets; a pong is told', () => {
  const peer = BytePeer.ready();
  peer.say((out) => frame(out, FrameType.PING, 0, 0, 'abcdefgh'));
  expect(peer.heard()).toMatchObject([{ type: 'PING', flags: Flag.ACK, payload: Buffer.from('abcdefgh') }]);
  peer.client.sendPing(Buffer.from('12345678'));
  expect(peer.heard()).toMatchObject([{ type: 'PING', flags: 0, payload: Buffer.from('12345678') }]);
  peer.say((out) => frame(out, FrameType.PING, Flag.ACK, 0, '12345678'));
  expect(peer.events.at(-1)).toEqual(['pong', '3132333435363738']);
});

test.each<[string, Fields, string | undefined, string]>([
  ['no status', [['x', 'y']], undefined, 'a response without :status'],
  ['two', [...OK, [':status', '400']], undefined, ':status twice'],
  ['the status behind a field', [['x', 'y'], ...OK], undefined, ':status behind other fields'],
  ['a status that is none', [[':status', '20']], undefined, ':status "20"'],
  ['a status out of range', [[':status', '099']], undefined, ':status "099"'],
  ['a pseudo field of requests', [...OK, [':path', '/']], undefined, 'pseudo field :path in a response'],
  ['an unknown pseudo field', [[':x\n', '/'], ...OK], undefined, 'pseudo field :x? in a response'],
  ['upper case in a name', [...OK, ['Apns-Id', 'x']], undefined, 'a field name that is none'],
  ['a name without characters', [...OK, ['', 'x']], undefined, 'a field name that is none'],
  ['a blank in a name', [...OK, ['a b', 'x']], undefined, 'a field name that is none'],
  ['a name beyond ASCII', [...OK, ['\xe9', 'x']], undefined, 'a field name that is none'],
  ['a colon in a name', [...OK, ['a:b', 'x']], undefined, 'a field name that is none'],
  ['a NUL in a value', [...OK, ['a', 'x\0y']], undefined, 'a value of a that is none'],
  ['a line end in a value', [...OK, ['a', 'x\r\ny']], undefined, 'a value of a that is none'],
  ['a blank before a value', [...OK, ['a', ' x']], undefined, 'a value of a that is none'],
  ['a tab behind a value', [...OK, ['a', 'x\t']], undefined, 'a value of a that is none'],
  [
    'a field of HTTP/1.1',
    [...OK, ['connection', 'close']],
    undefined,
    'field connection belongs to HTTP/1.1',
  ],
  ['a length that is none', [...OK, ['content-length', '-1']], '', 'content-length "-1"'],
  ['two lengths', [...OK, ['content-length', '1'], ['content-length', '2']], 'x', 'content-length "2"'],
  [
    'less than its length',
    [...OK, ['content-length', '2']],
    'x',
    'another body than its content-length says',
  ],
  [
    'more than its length',
    [...OK, ['content-length', '1']],
    'xx',
    'another body than its content-length says',
  ],
  [
    'no body, but a length',
    [...OK, ['content-length', '1']],
    undefined,
    'another body than its content-length says',
  ],
  ['an interim response that ends', [[':status', '100']], undefined, 'status 100 as an answer'],
  ['101, which HTTP/2 does not have', [[':status', '101']], 'x', 'status 101 as an answer'],
])('a malformed answer, %s: only its stream is reset', (_, fields, body, what) => {
  const peer = BytePeer.ready();
  peer.request();
  peer.request();
  peer.heard();
  peer.respond(1, fields, body);
  expect(peer.ends.get(1)).toEqual(malformed(what));
  expect(peer.heardInShort()).toEqual([`RST_STREAM 1 ${PROTOCOL_ERROR}`]);
  // The connection goes on, and its table with it.
  peer.respond(3, OK);
  expect(peer.ends.get(3)).toEqual(answered(200));
});

const head = (isLast: boolean, fields: Fields) =>
  octetsOf((out) => frame(out, FrameType.HEADERS, headFlags(isLast), 1, block(fields)));
const data = (text: string) => octetsOf((out) => frame(out, FrameType.DATA, 0, 1, text));
test.each([
  ['DATA before the answer', [data('x')], 'DATA before the response'],
  [
    'DATA behind an interim answer',
    [head(false, [[':status', '100']]), data('x')],
    'DATA before the response',
  ],
  ['two answers', [head(false, OK), head(false, OK)], 'a second response'],
  ['trailers and more', [head(false, OK), head(false, [['x', 'y']])], 'trailers that do not end the stream'],
])('malformed in its order: %s', (_, octets, what) => {
  const peer = BytePeer.ready();
  peer.request();
  peer.heard();
  for (const each of octets) peer.sayOctets(each);
  expect(peer.ends.get(1)).toEqual(malformed(what));
  expect(peer.heardInShort()).toEqual([`RST_STREAM 1 ${PROTOCOL_ERROR}`]);
});
