import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { isSettled, mergeOutcomes, OutcomeLengthError, tally } from './outcomes.ts';

const outcomes = (size: number) => fc.uint8Array({ minLength: size, maxLength: size, max: 6 });

test('results may overtake each other or come twice: merging is commutative, associative and idempotent', () => {
  fc.assert(
    fc.property(outcomes(20), outcomes(20), outcomes(20), (a, b, c) => {
      expect(mergeOutcomes(a, b)).toEqual(mergeOutcomes(b, a));
      expect(mergeOutcomes(mergeOutcomes(a, b), c)).toEqual(mergeOutcomes(a, mergeOutcomes(b, c)));
      expect(mergeOutcomes(a, a)).toEqual(a);
    }),
  );
});

test('accepted replaces failed and cancelled, never the other way round', () => {
  expect(mergeOutcomes(Uint8Array.of(1, 6, 2), Uint8Array.of(6, 2, 6))).toEqual(Uint8Array.of(6, 6, 6));
});

test('bytes of another batch are refused', () => {
  expect(() => mergeOutcomes(new Uint8Array(3), new Uint8Array(4))).toThrow(OutcomeLengthError);
});

test('a tally counts every recipient once', () => {
  const counts = tally(Uint8Array.of(0, 1, 2, 3, 4, 5, 6, 6));
  expect(counts).toEqual({
    waiting: 1,
    failed: 1,
    cancelled: 1,
    expired: 1,
    rejected: 1,
    retired: 1,
    accepted: 2,
  });
});

test('a batch is settled when nobody waits', () => {
  expect(isSettled(Uint8Array.of(6, 1))).toBe(true);
  expect(isSettled(Uint8Array.of(6, 0))).toBe(false);
});
