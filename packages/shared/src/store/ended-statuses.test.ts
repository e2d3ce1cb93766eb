import { expect, test } from '@jest/globals';
import { EndedStatuses } from './ended-statuses.ts';
import type { NotificationStatus } from './status.ts';

const FINISHED = '2026-01-01T00:00:00.000Z';
const aStatus = (facts: Partial<NotificationStatus>) =>
  ({ state: 'done', finishedAt: FINISHED, pending: 0, ...facts }) as NotificationStatus;

test('what has ended is kept; what is under way, or was opened again since, is not', () => {
  const ended = new EndedStatuses();
  const done = aStatus({});
  ended.keep(
    new Map([
      [1, done],
      [2, aStatus({ state: 'sending', finishedAt: null })],
      [3, aStatus({ state: 'cancelled', pending: 2 })],
    ]),
  );
  expect(ended.get(1, 'done', FINISHED)).toBe(done);
  expect(ended.get(1, 'sending', null)).toBeUndefined();
  expect(ended.get(1, 'done', '2026-01-01T00:00:01.000Z')).toBeUndefined();
  expect(ended.get(2, 'sending', null)).toBeUndefined();
  expect(ended.get(3, 'cancelled', FINISHED)).toBeUndefined();
});

test('it keeps no more than what was seen last', () => {
  const ended = new EndedStatuses();
  ended.keep(new Map([[1, aStatus({})]]));
  ended.keep(new Map([[4, aStatus({})]]));
  expect(ended.get(1, 'done', FINISHED)).toBeUndefined();
});
