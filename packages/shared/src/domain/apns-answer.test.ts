import { expect, test } from '@jest/globals';
import { judge, mustReplaceConnection, REASON_POLICIES } from './apns-answer.ts';

test.each([...REASON_POLICIES].map(([reason, { status, verdict }]) => [status, reason, verdict] as const))(
  'APNs status %i with reason %s means %s',
  (status, reason, verdict) => {
    expect(judge({ answered: true, status, reason })).toBe(verdict);
  },
);

test.each([
  [200, '', 'accepted'],
  [400, 'AReasonAppleAddsLater', 'rejected'],
  [403, 'AReasonAppleAddsLater', 'stop'],
  [403, '', 'stop'],
  // Another server answers, or a box in between.
  [301, '', 'stop'],
  [400, '', 'stop'],
  [404, '', 'stop'],
  [421, '', 'stop'],
  [410, '', 'rejected'],
  [410, 'AReasonAppleAddsLater', 'rejected'],
  [429, 'AReasonAppleAddsLater', 'retry'],
  [500, '', 'retry'],
  [503, 'AReasonAppleAddsLater', 'retry'],
  // The reason of another status proves nothing.
  [400, 'Unregistered', 'rejected'],
  [500, 'BadDeviceToken', 'retry'],
] as const)('an answer that the table does not hold, %i "%s", means %s', (status, reason, verdict) => {
  expect(judge({ answered: true, status, reason })).toBe(verdict);
});

test('no answer is never final', () => {
  expect(judge({ answered: false, sent: 'unknown', detail: 'reset' })).toBe('resend');
  expect(judge({ answered: false, sent: 'no', detail: 'refused' })).toBe('resend');
});

test('only some answers wedge their connection', () => {
  const answer = (status: number, reason: string) =>
    mustReplaceConnection({ answered: true, status, reason });
  expect(answer(403, 'ExpiredProviderToken')).toBe(true);
  expect(answer(503, 'Shutdown')).toBe(true);
  expect(answer(429, 'TooManyRequests')).toBe(false);
});
