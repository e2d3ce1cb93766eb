import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  decodeRecipients,
  encodeRecipients,
  idRange,
  indexOfRecipient,
  MalformedRecipientListError,
  sortableId,
} from './recipient-list.ts';

const anyInteger = fc.oneof(
  fc.bigInt(0n, 2n ** 63n - 1n),
  fc.bigInt(0n, 5000n),
  fc.bigInt(2n ** 52n - 9n, 2n ** 53n + 9n),
);

test('integer ids up to 2^63 come back as they went in, in any order', () => {
  fc.assert(
    fc.property(fc.array(anyInteger, { maxLength: 200 }), (values) => {
      const ids = values.map(String);
      expect(decodeRecipients(encodeRecipients('integer', ids))).toEqual(ids);
    }),
    { numRuns: 300 },
  );
});

test('UUIDs and text ids come back as they went in', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ minLength: 16, maxLength: 16 })), (values) => {
      const ids = values.map((value) => Buffer.from(value).toString('hex'));
      expect(decodeRecipients(encodeRecipients('binary', ids))).toEqual(ids);
    }),
  );
  const ids = ['01J8ZQ4Y3NB1Q6W6C5QYV9M0WD', 'ü', ''];
  expect(decodeRecipients(encodeRecipients('text', ids))).toEqual(ids);
});

test('500 neighbours take about a byte each', () => {
  const ids = Array.from({ length: 500 }, (_, i) => String(9_000_000 + i));
  expect(encodeRecipients('integer', ids).length).toBeLessThan(510);
});

test('the bytes of an id sort like the id', () => {
  fc.assert(
    fc.property(anyInteger, anyInteger, (a, b) => {
      const order = sortableId('integer', String(a)).compare(sortableId('integer', String(b)));
      expect(Math.sign(order)).toBe(a < b ? -1 : a > b ? 1 : 0);
    }),
  );
});

test('an id is found in a packed list where it stands in the unpacked one, of whatever size and order', () => {
  const small = fc.integer({ min: 0, max: 300 }).map(BigInt);
  fc.assert(
    fc.property(
      fc.array(fc.oneof(small, anyInteger), { maxLength: 30 }),
      fc.oneof(small, anyInteger),
      (list, other) => {
        const ids = list.map(String);
        const packed = encodeRecipients('integer', ids);
        for (const id of [...ids, String(other)]) expect(indexOfRecipient(packed, id)).toBe(ids.indexOf(id));
      },
    ),
  );
  expect(indexOfRecipient(encodeRecipients('text', ['a', 'b']), 'b')).toBe(1);
});

test('the range of a batch that is not in order spans all of it', () => {
  const { first, last } = idRange('integer', ['7', '3', '300', '5']);
  expect([first, last]).toEqual([sortableId('integer', '3'), sortableId('integer', '300')]);
});

test.each([[[9, 1]], [[1, 200]], [[2, 1, 2]], [[3, 5, 65]]])(
  'bytes that are no list are refused: %j',
  (bytes) => {
    expect(() => decodeRecipients(Uint8Array.from(bytes))).toThrow(MalformedRecipientListError);
  },
);
