import { expect, test } from '@jest/globals';
import { dueWindow, hotWindow } from './due-window.ts';

const at = (text: string) => Date.parse(text);

test('a row due at 23:59:59 is still in the window of today a moment after midnight', () => {
  const now = at('2026-05-02T00:00:01Z');
  const window = dueWindow(now, 'UTC', 'today', now - 1_000);
  expect(window.from <= '2026-05-01 23:59:59').toBe(true);
  expect(dueWindow(at('2026-05-02T12:00:00Z'), 'UTC', 'today', at('2026-05-02T11:59:59Z')).from).toBe(
    '2026-05-02 00:00:00.000',
  );
});

test('after a long stop the window of today reaches back to the last look', () => {
  expect(dueWindow(at('2026-05-02T03:00:00Z'), 'UTC', 'today', at('2026-05-01T22:00:00Z')).from).toBe(
    '2026-05-01 21:55:00.000',
  );
});

test('24 hours are 24 hours, also when the day has 25', () => {
  const window = dueWindow(at('2026-10-25T12:00:00Z'), 'Europe/Berlin', 86_400_000, 0);
  expect(window).toEqual({ from: '2026-10-24 14:00:00.000', to: '2026-10-25 13:00:00.000' });
});

test.each([
  ['2026-10-25T00:59:59Z', '2026-10-25 02:59:59'],
  ['2026-10-25T01:00:30Z', '2026-10-25 02:59:59'],
  ['2026-10-25T01:00:30Z', '2026-10-25 02:00:30'],
  ['2026-03-29T01:00:30Z', '2026-03-29 02:30:00'],
])('the hot window at %s holds a row written as %s in Berlin, or the whole window does', (now, wall) => {
  const whole = dueWindow(at(now), 'Europe/Berlin', 86_400_000, 0);
  expect(wall >= whole.from && wall <= whole.to).toBe(true);
  const hot = hotWindow(whole, at(now), 'Europe/Berlin');
  expect(hot.to).toBe(whole.to);
  expect(hot.from >= whole.from).toBe(true);
});
