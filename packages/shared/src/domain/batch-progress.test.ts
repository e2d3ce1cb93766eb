import { expect, test } from '@jest/globals';
import {
  decodeProgress,
  earliestNotBefore,
  encodeProgress,
  MalformedProgressError,
  markAccepted,
  markRefused,
  mergeProgress,
  newProgress,
  reopenFailed,
} from './batch-progress.ts';
import { ACCEPTED, FAILED, RETIRED, WAITING } from './outcomes.ts';

const refusal = (reason: string) => ({
  status: 410,
  reason,
  timestamp: 1_700_000_000_000,
  attempts: 1,
  at: 1_700_000_001_000,
  deviceToken: 'abcdef0123456789',
});
const trial = (attempts: number, notBefore: number) => ({
  attempts,
  unanswered: 0,
  notBefore,
  reason: 'TooManyRequests',
});

function aProgress() {
  const progress = newProgress(5);
  markAccepted(progress, 0, 1000);
  markRefused(progress, 1, RETIRED, refusal('Unregistered'));
  progress.trials.set(2, trial(2, 9000));
  markRefused(progress, 3, FAILED, { ...refusal('ServiceUnavailable'), deviceToken: null });
  return progress;
}

test('progress comes back from its stored text', () => {
  expect(decodeProgress(encodeProgress(aProgress()))).toEqual(aProgress());
});

test('what is no progress is refused', () => {
  expect(() => decodeProgress('{"o":1}')).toThrow(MalformedProgressError);
  expect(() => decodeProgress('nonsense')).toThrow(MalformedProgressError);
});

test("a late teller cannot take back what is known, and each byte keeps its own teller's words", () => {
  const early = newProgress(5);
  early.trials.set(1, trial(1, 500));
  early.trials.set(2, trial(1, 500));
  const merged = mergeProgress(aProgress(), early);
  expect(merged).toEqual(mergeProgress(early, aProgress()));
  expect([...merged.outcomes]).toEqual([ACCEPTED, RETIRED, WAITING, FAILED, WAITING]);
  expect(merged.refusals.get(1)?.reason).toBe('Unregistered');
  expect(merged.trials.get(2)?.attempts).toBe(2);
  expect(merged.trials.has(1)).toBe(false);
});

test('accepted after failed drops the words of the failure', () => {
  const later = newProgress(5);
  markAccepted(later, 3, 2000);
  const merged = mergeProgress(aProgress(), later);
  expect(merged.outcomes[3]).toBe(ACCEPTED);
  expect(merged.refusals.has(3)).toBe(false);
  expect([merged.firstAcceptedAt, merged.lastAcceptedAt]).toEqual([1000, 2000]);
});

test('an operator opens the failed ones again and nobody else', () => {
  const progress = aProgress();
  expect(reopenFailed(progress)).toBe(1);
  expect([...progress.outcomes]).toEqual([ACCEPTED, RETIRED, WAITING, WAITING, WAITING]);
  expect(progress.refusals.size).toBe(1);
});

test('the earliest time to go on: at once while somebody was never tried', () => {
  const progress = aProgress();
  expect(earliestNotBefore(progress)).toBe(0);
  progress.outcomes[4] = ACCEPTED;
  expect(earliestNotBefore(progress)).toBe(9000);
  progress.outcomes[2] = ACCEPTED;
  expect(earliestNotBefore(progress)).toBeNull();
});
