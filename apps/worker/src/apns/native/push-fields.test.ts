import { beforeEach, expect, test } from '@jest/globals';
import { HpackDecoder } from '@pushfleet/http2/hpack-decoder';
import { HpackEncoder } from '@pushfleet/http2/hpack-encoder';
import { Output } from '@pushfleet/http2/output';
import { aPush } from '../../../../../tests/harness/apns-peers.ts';
import type { ApnsRequest } from '../apns-connection.ts';
import { PushFields } from './push-fields.ts';

let encoder: HpackEncoder;
let decoder: HpackDecoder;
let token: string | undefined;
let fields: PushFields;
beforeEach(() => {
  encoder = new HpackEncoder();
  decoder = new HpackDecoder();
  token = 'first';
  fields = new PushFields(encoder, 'localhost:443', () => token as string);
});

/** Writes a push, sees that a decoder reads what it says, and returns how long it was. */
function write(request: ApnsRequest): number {
  const out = new Output(16);
  out.latin1('before');
  fields.write(out, request);
  const seen: string[][] = [];
  decoder.decode(out.bytes, 6, out.length, (name, value) => seen.push([name, value]));
  expect(seen).toEqual([
    [':method', 'POST'],
    [':scheme', 'https'],
    [':authority', 'localhost:443'],
    [':path', `/3/device/${request.deviceToken}`],
    ...(token === undefined ? [] : [['authorization', `bearer ${token}`]]),
    ...Object.entries(request.headers),
    ['apns-id', request.apnsId],
  ]);
  return out.length - 6;
}

const batch = (collapseId: string) => ({
  ...aPush(0).headers,
  'apns-expiration': '1790000000',
  'apns-collapse-id': collapseId,
});

test('a batch: what its pushes share is told by index from the third one on', () => {
  const headers = batch('a');
  const lengths = [1, 2, 3, 4].map((number) => write({ ...aPush(number), headers }));
  // Nine indexes, the path and the apns-id as they are.
  expect(lengths.slice(2)).toEqual([9 + 3 + 73 + 3 + 36, 9 + 3 + 73 + 3 + 36].map(() => lengths[3]));
  expect(lengths[3]).toBeLessThan(135);
  expect(lengths[0]).toBeGreaterThan(lengths[1]!);
});

test('batches in turn, device tokens of other lengths, and single pushes in between', () => {
  const batches = [batch('a'), batch('b'), batch('c')];
  for (let number = 0; number < 30; number++) {
    const push = aPush(number);
    const deviceToken = push.deviceToken.repeat(1 + (number % 3)).slice(0, 160);
    write({ ...push, deviceToken, headers: batches[number % 3]! });
    if (number % 7 === 0) write({ ...push, headers: batch(`single ${number}`) });
  }
});

test('a new provider token is sent with the next push, also of a batch that runs', () => {
  const headers = batch('a');
  for (const next of [
    'first',
    'first',
    'first',
    'second',
    'second',
    'second',
    'first',
    undefined,
    undefined,
  ]) {
    token = next;
    write({ ...aPush(1), headers });
  }
});

test.each([[[0]], [[0, 4_096]], [[100]], [[200, 100, 4_096]]])(
  'the server changes its table to %j: no batch uses what the table has lost',
  (sizes) => {
    const batches = [batch('a'), batch('b')];
    for (let number = 0; number < 8; number++) write({ ...aPush(number), headers: batches[number % 2]! });
    for (const size of sizes) encoder.setMaxTableSize(size);
    for (let number = 0; number < 8; number++) write({ ...aPush(number), headers: batches[number % 2]! });
  },
);

test('thousands of batches push each other out of the table', () => {
  const batches = Array.from({ length: 90 }, (_, number) => batch(`batch ${number}`.repeat(4)));
  for (let round = 0; round < 2; round++) for (const headers of batches) write({ ...aPush(round), headers });
  for (const headers of batches) for (let count = 0; count < 3; count++) write({ ...aPush(count), headers });
});

test('an apns-id that is no UUID is written as it is', () => {
  const headers = batch('a');
  for (const apnsId of [aPush(1).apnsId, aPush(2).apnsId, aPush(3).apnsId, 'short', aPush(4).apnsId])
    write({ ...aPush(1), headers, apnsId });
});
