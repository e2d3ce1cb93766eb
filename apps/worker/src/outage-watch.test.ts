import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { OutageWatch } from './outage-watch.ts';

beforeEach(() => {
  jest.useFakeTimers();
});
afterEach(() => {
  jest.useRealTimers();
});

/** One answer each so many milliseconds: `5` is a 5xx. Returns which of them were of an outage. */
function hear(watch: OutageWatch, answers: string, everyMs: number, recipients = 1_000): string {
  return [...answers]
    .map((answer, i) => {
      jest.advanceTimersByTime(everyMs);
      return watch.note(answer === '5', `recipient ${i % recipients}`) ? 'o' : '-';
    })
    .join('');
}

test.each([
  ['nothing but 5xx for five seconds', '5555555', 1_000, '-----oo'],
  ['three recipients, tried by the schedule', '555', 6_000, '--o'],
  ['two say too little', '55', 30_000, '--'],
  ['two of three', '552552552552', 1_000, '------oo-oo-'],
  ['half of them', '5252525252525', 1_000, '-------------'],
  ['refusals show that it works', '5555422222222', 1_000, '-------------'],
  ['what lies behind a silence is forgotten', '55555', 60_001, '-----'],
])('%s', (_, answers, everyMs, outage) => {
  expect(hear(new OutageWatch(), answers, everyMs)).toBe(outage);
});

test('one device that gets 5xx each time, or two, are no outage, however long it goes', () => {
  for (const devices of [1, 2])
    expect(hear(new OutageWatch(), '5'.repeat(60), 5_000, devices)).not.toContain('o');
});

test('at full speed a burst of 5xx of less than five seconds is no outage', () => {
  const watch = new OutageWatch();
  hear(watch, '2'.repeat(5_000), 1);
  expect(hear(watch, '5'.repeat(4_900), 1)).not.toContain('o');
  hear(watch, '2'.repeat(150), 1);
  expect(hear(watch, '5'.repeat(4_900), 1)).not.toContain('o');
  expect(hear(watch, '5'.repeat(300), 1)).toContain('o');
});

test('it is remembered for a minute; the first 5xx after it are not the next one', () => {
  const watch = new OutageWatch();
  expect(watch.isRecent).toBe(false);
  hear(watch, '555555', 1_000);
  expect(watch.isRecent).toBe(true);
  watch.ended();
  expect(hear(watch, '5555555555', 3_000)).toBe('----------');
  jest.advanceTimersByTime(29_000);
  expect(watch.isRecent).toBe(true);
  jest.advanceTimersByTime(1_001);
  expect(watch.isRecent).toBe(false);
});
