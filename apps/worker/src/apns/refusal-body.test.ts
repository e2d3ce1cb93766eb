import { expect, test } from '@jest/globals';
import { readRefusal } from './refusal-body.ts';

const NOW = Date.parse('Tue, 10 Nov 2026 10:00:00 GMT');

test('reason and timestamp are read as Apple sends them; the timestamp stays in milliseconds', () => {
  expect(readRefusal(410, '{"reason":"Unregistered","timestamp":1790000000123}', undefined)).toEqual({
    answered: true,
    status: 410,
    reason: 'Unregistered',
    timestamp: 1_790_000_000_123,
  });
});

test.each([1.5, -1, 1e15, 1e300, '1790000000123'])('timestamp %j is none', (timestamp) => {
  const body = JSON.stringify({ reason: 'Unregistered', timestamp });
  expect(readRefusal(410, body, undefined)).toMatchObject({ reason: 'Unregistered', timestamp: undefined });
});

test.each([
  ['3', 3_000],
  ['0', undefined],
  ['99999999999999999999', 30 * 24 * 3_600_000],
  ['Tue, 10 Nov 2026 10:00:05 GMT', 5_000],
  ['Tue, 10 Nov 2026 09:00:00 GMT', undefined],
  ['Fri, 31 Dec 9999 23:59:59 GMT', 30 * 24 * 3_600_000],
  ['soon', undefined],
  [undefined, undefined],
])('Retry-After "%s" is %s ms', (header, expected) => {
  expect(readRefusal(429, '{"reason":"TooManyRequests"}', header, NOW)).toMatchObject({
    retryAfterMs: expected,
  });
});

test.each(['', '<html>', 'null', '[]', '{"reason":7,"timestamp":"x"}'])('body %j has no reason', (body) => {
  expect(readRefusal(502, body, undefined)).toEqual({ answered: true, status: 502, reason: '' });
});
