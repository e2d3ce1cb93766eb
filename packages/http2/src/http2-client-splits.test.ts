import { test } from '@jest/globals';
import fc from 'fast-check';
import { anyOctets, anySplit } from '../../../tests/harness/any-frames.ts';

// A few here; tests/verify/conformance-properties.test.ts tries far more.
test('any split of any frames: the same events, the same answers, the same octets from us', () => {
  fc.assert(anySplit, { numRuns: 400 });
});

test('whatever comes behind the first SETTINGS: no exception, and every request is settled once', () => {
  fc.assert(anyOctets, { numRuns: 400 });
});
