import { expect, test } from '@jest/globals';
import { DistinctStrings } from './distinct-strings.ts';

test('200,000 neighbouring strings, each twice, are 200,000', () => {
  const strings = new DistinctStrings();
  for (let round = 0; round < 2; round++) {
    for (let index = 0; index < 200_000; index++) strings.add(index.toString(16).padStart(64, '0'));
  }
  expect(strings.size).toBe(200_000);
});
