import { expect, test } from '@jest/globals';
import { givenId } from './given-id.ts';

test.each([
  ['integer', '4711', '4711'],
  ['integer', ' 007 ', '7'],
  ['integer', '9223372036854775807', '9223372036854775807'],
  ['integer', '4711; DROP', null],
  ['integer', '', null],
  ['binary', '0190A6B2-7E4C-7D3A-9B1F-00112233AABB', '0190a6b27e4c7d3a9b1f00112233aabb'],
  ['binary', '0190a6b27e4c7d3a9b1f00112233aabb', '0190a6b27e4c7d3a9b1f00112233aabb'],
  ['binary', '4711', null],
  ['text', '0190a6b2-7e4c', '0190a6b2-7e4c'],
  ['text', ' ', null],
] as const)('of a key of kind %s, "%s" is %s', (kind, text, id) => {
  expect(givenId({ kind, ownType: '' }, text)).toBe(id);
});
