import { expect, test } from '@jest/globals';
import { denseRange } from './device-token-rows.ts';

const ids = (count: number, step: number, from = 1) =>
  Array.from({ length: count }, (_, i) => String(from + i * step));

test.each([
  ['neighbours', ids(500, 1, 1_000), [1_000, 1_499]],
  ['neighbours in any order', ids(500, 1).reverse(), [1, 500]],
  ['two of three', ids(500, 1).filter((_, i) => i % 3 !== 0), [2, 500]],
  ['every second one', ids(500, 2), null],
  ['neighbours and one that stands far away', [...ids(500, 1), '1000000'], null],
  ['a few neighbours', ids(15, 1), null],
  ['nobody', [], null],
  ['numbers beyond 2^53', ids(20, 1).map((id) => `92233720368547758${id.padStart(2, '0')}`), null],
  ['texts', Array.from({ length: 20 }, (_, i) => `pushfleet-send-${i}`), null],
])('%s are read as a range where that is dense', (_, list, range) => {
  expect(denseRange(list)).toEqual(range);
});
