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

test.each([
  ['3', 3_000],
  ['0', 0],
  ['Tue, 10 Nov 2026 10:00:05 GMT', 5_000],
  ['Tue, 10 Nov 2026 09:00:00 GMT', 0],
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
