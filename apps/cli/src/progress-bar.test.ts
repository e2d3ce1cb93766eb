import { expect, test } from '@jest/globals';
import type { NotificationStatus } from '@pushfleet/shared/store/status';
import { progressBar, settledPercent } from './progress-bar.ts';

function status(counts: Partial<NotificationStatus>): NotificationStatus {
  const none = { accepted: 0, rejected: 0, retired: 0, expired: 0, cancelled: 0, failed: 0, pending: 0 };
  return { ...none, recipients: 0, ...counts } as NotificationStatus;
}

test.each([
  ['nobody yet', {}, '··········', '–'],
  ['all pending', { recipients: 10, pending: 10 }, '░░░░░░░░░░', '0 %'],
  ['half of it', { recipients: 10, accepted: 5, pending: 5 }, '█████░░░░░', '50 %'],
  [
    'few refusals of many',
    { recipients: 1_000, accepted: 499, retired: 1, pending: 500 },
    '████▓░░░░░',
    '50 %',
  ],
  ['one pending of many', { recipients: 1_000, accepted: 999, pending: 1 }, '█████████░', '99 %'],
  ['each kind', { recipients: 10, accepted: 4, failed: 3, cancelled: 3 }, '████▓▓▓▒▒▒', '100 %'],
  ['one refusal at the end', { recipients: 1_000, accepted: 999, rejected: 1 }, '█████████▓', '100 %'],
])('%s', (_, counts, bar, percent) => {
  expect(progressBar(status(counts), 10)).toBe(bar);
  expect(settledPercent(status(counts))).toBe(percent);
});
