import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { HpackDecoder } from './hpack-decoder.ts';
import { HpackEncoder, writeInteger } from './hpack-encoder.ts';
import { Output } from './output.ts';

type Field = readonly [name: string, value: string, policy?: 'literal'];

function encode(encoder: HpackEncoder, fields: readonly Field[]): Buffer {
  const out = new Output(16);
  encoder.begin(out);
  for (const [name, value, policy] of fields) encoder[policy ?? 'indexed'](out, name, value);
  return Buffer.from(out.bytes.subarray(0, out.length));
}

function decode(decoder: HpackDecoder, block: Buffer): string[][] {
  const fields: string[][] = [];
  decoder.decode(block, 0, block.length, (name, value) => fields.push([name, value]));
  return fields;
}

test.each([
  ['C.1.1', 10, 5, '0a'],
  ['C.1.2', 1337, 5, '1f9a0a'],
  ['C.1.3', 42, 8, '2a'],
  ['the largest in the prefix', 30, 5, '1e'],
  ['the first behind it', 31, 5, '1f00'],
  ['a full second octet', 158, 5, '1f7f'],
  ['a third octet', 159, 5, '1f8001'],
])('RFC 7541, integers: %s', (_, value, prefixBits, hex) => {
  const out = new Output(16);
  writeInteger(out, 0, prefixBits, value);
  expect(out.bytes.toString('hex', 0, out.length)).toBe(hex);
});

test('a push: the second one is short, and only what is its own is written out', () => {
  const encoder = new HpackEncoder();
  const push = (id: string): Field[] => [
    [':method', 'POST'],
    [':path', `/3/device/${id}`, 'literal'],
    ['apns-topic', 'com.example.app'],
    ['apns-id', id, 'literal'],
  ];
  const decoder = new HpackDecoder();
  const blocks = ['aaaa', 'bbbb', 'cccc'].map((id) => encode(encoder, push(id)));
  for (const [index, id] of ['aaaa', 'bbbb', 'cccc'].entries())
    expect(decode(decoder, blocks[index]!)).toEqual(push(id).map(([name, value]) => [name, value]));
  // The method, a name index and a path, the topic, and apns-id by its name, which the first one brought in.
  expect(blocks[1]!.toString('latin1')).toBe('\x83\x04\x0e/3/device/bbbb\xbf\x0f\x2f\x04bbbb');
  expect(blocks[2]).toHaveLength(blocks[1]!.length);
  expect(decoder.table.count).toBe(2);
});

test('a literal does not enter the table if its name is known', () => {
  const encoder = new HpackEncoder();
  const before = encoder.version;
  encode(encoder, [['authorization', 'bearer x', 'literal']]);
  expect(encoder.version).toBe(before);
  encode(encoder, [['apns-id', 'x', 'literal']]);
  expect(encoder.version).not.toBe(before);
});

test('evicted entries are not referred to any more, and the maps do not grow without end', () => {
  const encoder = new HpackEncoder();
  const decoder = new HpackDecoder();
  for (let round = 0; round < 1_000; round++) {
    const fields: Field[] = [
      [`name-${round % 7}`, 'value'],
      ['x-long', `${'x'.repeat(300)}${round % 20}`],
    ];
    expect(decode(decoder, encode(encoder, fields))).toEqual(fields.map((field) => [...field]));
  }
  expect(decoder.table.size).toBeLessThanOrEqual(4_096);
});

test('an entry larger than the table goes out as a literal and evicts nothing', () => {
  const encoder = new HpackEncoder();
  const decoder = new HpackDecoder();
  decode(decoder, encode(encoder, [['apns-topic', 'a']]));
  const fields: Field[] = [['apns-topic', 'x'.repeat(5_000)]];
  expect(decode(decoder, encode(encoder, fields))).toEqual(fields);
  expect(decoder.table.count).toBe(1);
});

/** What a size update costs the peer: the prefix 001 and the size in five bits. */
test.each([
  ['lowered', [100], ['3f45']],
  ['lowered to 0', [0], ['20']],
  ['lowered twice', [200, 100], ['3f45']],
  ['lowered to 0 and raised again', [0, 4_096], ['20', '3fe11f']],
  ['lowered and raised', [100, 1_000], ['3f45', '3fc907']],
  ['raised above ours', [10_000], []],
  ['the same', [4_096], []],
])('the table of the peer is %s', (_, sizes, updates) => {
  const encoder = new HpackEncoder();
  encode(encoder, [['apns-topic', 'a']]);
  for (const size of sizes) encoder.setMaxTableSize(size);
  const block = encode(encoder, [[':method', 'POST']]);
  expect(block.toString('hex')).toBe(`${updates.join('')}83`);
  expect(encode(encoder, [[':method', 'POST']]).toString('hex')).toBe('83'); // told once
});

test('with a table of 0 nothing is indexed, and raised later it is used again', () => {
  const encoder = new HpackEncoder();
  const decoder = new HpackDecoder();
  const fields: Field[] = [
    ['apns-topic', 'a'],
    ['apns-id', 'b', 'literal'],
  ];
  const plain = [
    ['apns-topic', 'a'],
    ['apns-id', 'b'],
  ];
  encoder.setMaxTableSize(0);
  for (let round = 0; round < 2; round++) expect(decode(decoder, encode(encoder, fields))).toEqual(plain);
  expect(decoder.table.count).toBe(0);
  encoder.setMaxTableSize(60);
  for (let round = 0; round < 3; round++) expect(decode(decoder, encode(encoder, fields))).toEqual(plain);
  expect(decoder.table.count).toBe(1);
});

test('a size update changes the version, so that no block made before it is sent again', () => {
  const encoder = new HpackEncoder();
  encode(encoder, [['apns-topic', 'a']]);
  const before = encoder.version;
  encoder.setMaxTableSize(0);
  expect(encoder.version).not.toBe(before);
  encode(encoder, [['apns-topic', 'a']]);
  expect(encoder.version).not.toBe(before);
});

test('any blocks with any sizes in between come back as they were, and the tables stay alike', () => {
  const name = fc.constantFrom('apns-id', 'apns-topic', ':method', 'authorization', 'x-a', 'x-b', 'date');
  const value = fc.oneof(
    fc.constantFrom('', 'POST', 'a', 'x'.repeat(120)),
    fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes).toString('latin1')),
  );
  const policy = fc.constantFrom(undefined, 'literal' as const);
  const step = fc.oneof(
    { arbitrary: fc.array(fc.tuple(name, value, policy), { maxLength: 8 }), weight: 3 },
    { arbitrary: fc.constantFrom(0, 33, 100, 200, 4_096, 65_536), weight: 1 },
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
      const encoder = new HpackEncoder();
      const decoder = new HpackDecoder();
      for (const fields of steps) {
        if (typeof fields === 'number') encoder.setMaxTableSize(fields);
        else
          expect(decode(decoder, encode(encoder, fields))).toEqual(
            fields.map(([name, value]) => [name, value]),
          );
      }
    }),
    { numRuns: 200 },
  );
});
