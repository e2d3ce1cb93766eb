import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { OutageWatch } from './outage-watch.ts';

beforeEach(() => {
  jest.useFakeTimers();
});
afterEach(() => {
  jest.useRealTimers();
});

/** One answer each so many milliseconds: `5` is a 5xx. Returns which of them were of an outage. */
function hear(watch: OutageWatch, answers: string, everyMs: number): string {
  return [...answers]
    .map((answer) => {
      jest.advanceTimersByTime(everyMs);
      return watch.note(answer === '5') ? 'o' : '-';
    })
    .join('');
}

test.each([
  ['nothing but 5xx for five seconds', '5555555', 1_000, '-----oo'],
  ['one recipient, tried by the schedule', '555', 6_000, '--o'],
  ['two answers say too little', '55', 60_000, '--'],
  ['two of three', '552552552552', 1_000, '------oo-oo-'],
  ['half of them', '5252525252525', 1_000, '-------------'],
  ['refusals show that it works', '5555422222222', 1_000, '-------------'],
])('%s', (_, answers, everyMs, outage) => {
  expect(hear(new OutageWatch(), answers, everyMs)).toBe(outage);
});

test('at full speed a burst of 5xx of less than five seconds is no outage', () => {
  const watch = new OutageWatch();
  hear(watch, '2'.repeat(5_000), 1);
  expect(hear(watch, '5'.repeat(4_900), 1)).not.toContain('o');
  hear(watch, '2'.repeat(150), 1);
  expect(hear(watch, '5'.repeat(4_900), 1)).not.toContain('o');
  expect(hear(watch, '5'.repeat(300), 1)).toContain('o');
});

test('it is remembered for a minute, and forgotten at once as a reason to stop again', () => {
  const watch = new OutageWatch();
  expect(watch.isRecent).toBe(false);
  hear(watch, '555555', 1_000);
  expect(watch.isRecent).toBe(true);
  watch.ended();
  expect(hear(watch, '555', 1_000)).toBe('---');
  jest.advanceTimersByTime(56_000);
  expect(watch.isRecent).toBe(true);
  jest.advanceTimersByTime(1_001);
  expect(watch.isRecent).toBe(false);
});
