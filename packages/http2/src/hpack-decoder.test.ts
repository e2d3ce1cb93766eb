import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { HpackDecoder, type HpackDecoderOptions } from './hpack-decoder.ts';
import { ErrorCode } from './protocol.ts';

const bytes = (hex: string) => Buffer.from(hex.replaceAll(/\s/g, ''), 'hex');

function decode(decoder: HpackDecoder, octets: Buffer): string[] {
  const fields: string[] = [];
  // In the middle of something, as it comes from a socket.
  const around = Buffer.concat([Buffer.from([0xff, 0x82]), octets, Buffer.from([0x82, 0xff])]);
  decoder.decode(around, 2, 2 + octets.length, (name, value) => fields.push(`${name}: ${value}`));
  return fields;
}

/** The table from the newest entry to the oldest. */
function tableOf({ table }: HpackDecoder): string[] {
  const entries = [];
  for (let number = table.inserted; table.isHeld(number); number--)
    entries.push(`${table.nameAt(number)}: ${table.valueAt(number)}`);
  return entries;
}

function refusal(hex: string, options?: HpackDecoderOptions): number | string {
  try {
    return decode(new HpackDecoder(options), bytes(hex)).join();
  } catch (error) {
    return (error as { code: number }).code;
  }
}

test.each([
  ['C.2.1', '400a637573746f6d2d6b65790d637573746f6d2d686561646572', 'custom-key: custom-header', 55],
  ['C.2.2', '040c2f73616d706c652f70617468', ':path: /sample/path', 0],
  ['C.2.3', '100870617373776f726406736563726574', 'password: secret', 0],
  ['C.2.4', '82', ':method: GET', 0],
])('RFC 7541, %s', (_, hex, field, size) => {
  const decoder = new HpackDecoder();
  expect(decode(decoder, bytes(hex))).toEqual([field]);
  expect(decoder.table.size).toBe(size);
});

const GET = [':method: GET', ':scheme: http', ':path: /', ':authority: www.example.com'];
const REQUESTS = [
  { fields: GET, size: 57, table: [':authority: www.example.com'] },
  {
    fields: [...GET, 'cache-control: no-cache'],
    size: 110,
    table: ['cache-control: no-cache', ':authority: www.example.com'],
  },
  {
    fields: [
      ...[':method: GET', ':scheme: https', ':path: /index.html', ':authority: www.example.com'],
      'custom-key: custom-value',
    ],
    size: 164,
    table: ['custom-key: custom-value', 'cache-control: no-cache', ':authority: www.example.com'],
  },
];
const DATE_21 = 'date: Mon, 21 Oct 2013 20:13:21 GMT';
const DATE_22 = 'date: Mon, 21 Oct 2013 20:13:22 GMT';
const LOCATION = 'location: https://www.example.com';
const COOKIE = 'set-cookie: foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1';
const RESPONSES = [
  {
    fields: [':status: 302', 'cache-control: private', DATE_21, LOCATION],
    size: 222,
    table: [LOCATION, DATE_21, 'cache-control: private', ':status: 302'],
  },
  {
    fields: [':status: 307', 'cache-control: private', DATE_21, LOCATION],
    size: 222,
    table: [':status: 307', LOCATION, DATE_21, 'cache-control: private'],
  },
  {
    fields: [':status: 200', 'cache-control: private', DATE_22, LOCATION, 'content-encoding: gzip', COOKIE],
    size: 215,
    table: [COOKIE, 'content-encoding: gzip', DATE_22],
  },
];

test.each([
  {
    section: 'C.3',
    maxTableSize: 4_096,
    blocks: [
      '828684410f7777772e6578616d706c652e636f6d',
      '828684be58086e6f2d6361636865',
      '828785bf400a637573746f6d2d6b65790c637573746f6d2d76616c7565',
    ],
    steps: REQUESTS,
  },
  {
    section: 'C.4 (Huffman)',
    maxTableSize: 4_096,
    blocks: [
      '828684418cf1e3c2e5f23a6ba0ab90f4ff',
      '828684be5886a8eb10649cbf',
      '828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf',
    ],
    steps: REQUESTS,
  },
  {
    section: 'C.5 (eviction)',
    maxTableSize: 256,
    blocks: [
      `4803333032580770726976617465611d4d6f6e2c203231204f637420323031332032303a31333a323120474d546e
       1768747470733a2f2f7777772e6578616d706c652e636f6d`,
      '4803333037c1c0bf',
      `88c1611d4d6f6e2c203231204f637420323031332032303a31333a323220474d54c05a04677a69707738666f6f3d
       4153444a4b48514b425a584f5157454f50495541585157454f49553b206d61782d6167653d333630303b20766572
       73696f6e3d31`,
    ],
    steps: RESPONSES,
  },
  {
    section: 'C.6 (eviction, Huffman)',
    maxTableSize: 256,
    blocks: [
      `488264025885aec3771a4b6196d07abe941054d444a8200595040b8166e082a62d1bff6e919d29ad171863c78f0b
       97c8e9ae82ae43d3`,
      '4883640effc1c0bf',
      `88c16196d07abe941054d444a8200595040b8166e084a62d1bffc05a839bd9ab77ad94e7821dd7f2e6c7b335dfdf
       cd5b3960d5af27087f3672c1ab270fb5291f9587316065c003ed4ee5b1063d5007`,
    ],
    steps: RESPONSES,
  },
])('RFC 7541, $section: three blocks on one connection', ({ maxTableSize, blocks, steps }) => {
  const decoder = new HpackDecoder({ maxTableSize });
  for (const [index, { fields, size, table }] of steps.entries()) {
    expect(decode(decoder, bytes(blocks[index]!))).toEqual(fields);
    expect(decoder.table.size).toBe(size);
    expect(tableOf(decoder)).toEqual(table);
  }
});

test.each([
  ['10 in 5 bits (C.1.1), as a size update', '2a', ''],
  ['1337 in 5 bits (C.1.2), as a size update', '3f9a0a', ''],
  ['42 as an index (C.1.3)', 'aa', 'if-range: '],
])('integers: %s', (_, hex, fields) => {
  expect(refusal(hex)).toBe(fields);
});

test('a size update empties the table; two in one block, the first of them to 0, are allowed', () => {
  const decoder = new HpackDecoder();
  decode(decoder, bytes('400161 0162'));
  expect(decoder.table.count).toBe(1);
  expect(decode(decoder, bytes('20 3fe11f 400163 0164'))).toEqual(['c: d']);
  expect(tableOf(decoder)).toEqual(['c: d']);
  expect(decoder.table.maxSize).toBe(4_096);
  // A lowered table stays so, and keeps its newest entries only.
  expect(decode(decoder, bytes('3f03 400165 0166 be'))).toEqual(['e: f', 'e: f']);
  expect(tableOf(decoder)).toEqual(['e: f']);
});

test('an entry larger than the table empties it, and is told all the same', () => {
  const decoder = new HpackDecoder({ maxTableSize: 40 });
  expect(decode(decoder, bytes('4001610162 4009616161616161616161 0162'))).toEqual(['a: b', 'aaaaaaaaa: b']);
  expect([decoder.table.count, decoder.table.size]).toEqual([0, 0]);
});

test('an entry may take its name from the one that it pushes out', () => {
  const decoder = new HpackDecoder({ maxTableSize: 40 });
  expect(decode(decoder, bytes('4001610162 7e0163'))).toEqual(['a: b', 'a: c']);
  expect(tableOf(decoder)).toEqual(['a: c']);
});

const { COMPRESSION_ERROR, ENHANCE_YOUR_CALM } = ErrorCode;
test.each([
  ['index 0', '80', COMPRESSION_ERROR],
  ['an index behind the tables', 'be', COMPRESSION_ERROR],
  ['an index far behind the tables', 'ffffffff7f', COMPRESSION_ERROR],
  ['a name from behind the tables', '7f00 0161', COMPRESSION_ERROR],
  ['a table larger than ours', '3fe21f', COMPRESSION_ERROR],
  ['a size update behind a field', '82 20', COMPRESSION_ERROR],
  ['an integer that does not end', 'ff80808080', COMPRESSION_ERROR],
  ['an integer of 35 bits', '3fffffffff7f', COMPRESSION_ERROR],
  ['a huge string', '007fffffff7f', COMPRESSION_ERROR],
  ['an integer that is cut off', 'ff', COMPRESSION_ERROR],
  ['a field without its name', '00', COMPRESSION_ERROR],
  ['a field without its value', '000161', COMPRESSION_ERROR],
  ['a name that is cut off', '00026', COMPRESSION_ERROR],
  ['a value that is cut off', '0001610261', COMPRESSION_ERROR],
  ['Huffman with EOS', '000161 84ffffffff', COMPRESSION_ERROR],
  ['a list of more than 66 octets', '0001610162 0001610162', ENHANCE_YOUR_CALM],
])('refused: %s', (_, hex, code) => {
  expect(refusal(hex, { maxListSize: 66 })).toBe(code);
});

test('a list as large as allowed is taken', () => {
  expect(refusal('0001610162 0001610162', { maxListSize: 68 })).toBe('a: b,a: b');
});

test('a bomb: one entry told a thousand times stops at the limit of the list', () => {
  const decoder = new HpackDecoder();
  let told = 0;
  const value = Buffer.concat([bytes('7fa11e'), Buffer.alloc(4_000, 'x')]);
  const bomb = Buffer.concat([bytes('400161'), value, Buffer.alloc(1_000, 0xbe)]);
  expect(() => decoder.decode(bomb, 0, bomb.length, () => told++)).toThrow(
    'a header list of more than 65536',
  );
  expect(told).toBe(16);
});

test('whatever comes, it ends with fields or with a ConnectionError, and never reads beyond', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), (octets) => {
      const decoder = new HpackDecoder({ maxTableSize: 100 });
      try {
        decode(decoder, Buffer.from(octets));
      } catch (error) {
        expect((error as Error).name).toBe('ConnectionError');
      }
      expect(decoder.table.size).toBeLessThanOrEqual(100);
    }),
    { numRuns: 2_000 },
  );
});
