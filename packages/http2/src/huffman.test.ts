import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { decodeHuffman, encodeHuffman, huffmanLength } from './huffman.ts';

function encode(text: string): Buffer {
  const bytes = Buffer.alloc(4 * text.length + 4);
  return bytes.subarray(0, encodeHuffman(text, bytes, 0));
}

const decode = (bytes: Buffer) => decodeHuffman(bytes, 0, bytes.length);
const fromBits = (bits: string) =>
  Buffer.from(bits.match(/.{8}/g)!.map((octet) => Number.parseInt(octet, 2)));

test.each([
  ['www.example.com', 'f1e3c2e5f23a6ba0ab90f4ff'],
  ['no-cache', 'a8eb10649cbf'],
  ['custom-value', '25a849e95bb8e8b4bf'],
  ['Mon, 21 Oct 2013 20:13:21 GMT', 'd07abe941054d444a8200595040b8166e082a62d1bff'],
  ['', ''],
])('RFC 7541, appendix C: "%s"', (text, hex) => {
  expect(encode(text).toString('hex')).toBe(hex);
  expect(decode(Buffer.from(hex, 'hex'))).toBe(text);
});

// Appendix B, one of each length: [octet, code in hexadecimal, bits].
test.each([
  [48, 0x0, 5],
  [32, 0x14, 6],
  [58, 0x5c, 7],
  [38, 0xf8, 8],
  [33, 0x3f8, 10],
  [39, 0x7fa, 11],
  [35, 0xffa, 12],
  [0, 0x1ff8, 13],
  [94, 0x3ffc, 14],
  [60, 0x7ffc, 15],
  [92, 0x7fff0, 19],
  [128, 0xfffe6, 20],
  [153, 0x1fffdc, 21],
  [129, 0x3fffd2, 22],
  [1, 0x7fffd8, 23],
  [9, 0xffffea, 24],
  [199, 0x1ffffec, 25],
  [192, 0x3ffffe0, 26],
  [203, 0x7ffffde, 27],
  [2, 0xfffffe2, 28],
  [10, 0x3ffffffc, 30],
  [22, 0x3ffffffe, 30],
])('octet %i has the code of appendix B', (octet, code, length) => {
  const bits = code.toString(2).padStart(length, '0');
  const padded = bits.padEnd(Math.ceil(length / 8) * 8, '1');
  expect(encode(String.fromCharCode(octet)).toString('hex')).toBe(fromBits(padded).toString('hex'));
});

test('every octet comes back, alone, between others, and twice', () => {
  for (let octet = 0; octet < 256; octet++) {
    const char = String.fromCharCode(octet);
    for (const text of [char, `a${char}a`, char + char, `${char}\xff${char}`]) {
      expect(decode(encode(text))).toBe(text);
      expect(encode(text)).toHaveLength(huffmanLength(text));
    }
  }
});

test('any latin1 text comes back, also a long one, and from the middle of a buffer', () => {
  const latin1 = fc.uint8Array({ maxLength: 3_000 }).map((bytes) => Buffer.from(bytes).toString('latin1'));
  fc.assert(
    fc.property(latin1, (text) => {
      const around = Buffer.concat([Buffer.from([0xff]), encode(text), Buffer.from([0])]);
      expect(decodeHuffman(around, 1, around.length - 1)).toBe(text);
    }),
    { numRuns: 50 },
  );
});

const A = '00011';
const EOS = '1'.repeat(30);
test.each([
  ['padding that is not all ones', `${A}110`, 'padding is not all ones'],
  ['padding of zeros', `${A}000`, 'padding is not all ones'],
  ['eight bits of padding', '1'.repeat(8), 'padding is longer than seven bits'],
  ['an octet of padding too many', `${A}111${'1'.repeat(8)}`, 'padding is longer than seven bits'],
  ['three octets of padding', '1'.repeat(24), 'padding is longer than seven bits'],
  ['EOS alone', `${EOS}11`, 'EOS inside'],
  ['EOS in the middle', `${A}${EOS}${A}`, 'EOS inside'],
  ['EOS at the end, to the bit', `${A}${A}${EOS}`, /EOS inside|padding/],
  ['half a code', '111111110000000010000000'.slice(0, 16), /padding/],
])('refused: %s', (_, bits, sentence) => {
  expect(() => decode(fromBits(bits))).toThrow(sentence);
});

test('one to seven bits of padding are as they should be', () => {
  // Codes of 5 bits: eight of them are 40 bits, so every remainder comes up.
  for (let count = 1; count <= 8; count++) expect(decode(encode('a'.repeat(count)))).toBe('a'.repeat(count));
});
