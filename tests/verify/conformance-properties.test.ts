import { test } from '@jest/globals';
import fc from 'fast-check';
import { anyOctets, anySplit } from '../harness/any-frames.ts';

test('any split of any frames: the same events, the same answers, the same octets from us', () => {
  fc.assert(anySplit, { numRuns: 10_000 });
}, 300_000);

test('whatever comes behind the first SETTINGS: no exception, and every request is settled once', () => {
  fc.assert(anyOctets, { numRuns: 50_000 });
}, 300_000);
