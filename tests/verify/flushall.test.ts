import { expect, test } from '@jest/globals';
import { flushInTheMiddle } from '../harness/flushed-broadcast.ts';
import { report } from '../harness/report.ts';

const RECIPIENTS = 100_000;
const PER_SECOND = 3_000;

test('F9: FLUSHALL in the middle of a broadcast to 100,000: nobody is lost, sending again in under 5 s', async () => {
  const seen = await flushInTheMiddle(RECIPIENTS, PER_SECOND);
  report('FLUSHALL in the middle of 100,000', {
    'accepted at the FLUSHALL': seen.acceptedAtFlush,
    lost: RECIPIENTS - seen.distinct,
    duplicates: seen.duplicates,
    'in flight at most': seen.inFlightAtMost,
    'nothing accepted for at most': `${seen.silenceMs} ms`,
    'whole broadcast': `${(seen.totalMs / 1_000).toFixed(1)} s`,
  });
  // Otherwise it was not in the middle.
  expect(seen.acceptedAtFlush).toBeLessThan(RECIPIENTS / 2);
  expect(seen.status).toMatchObject({ state: 'done', accepted: RECIPIENTS, pending: 0 });
  expect(seen.distinct).toBe(RECIPIENTS);
  expect(seen.duplicates).toBeLessThanOrEqual(seen.inFlightAtMost);
  expect(seen.silenceMs).toBeLessThan(5_000);
}, 300_000);
