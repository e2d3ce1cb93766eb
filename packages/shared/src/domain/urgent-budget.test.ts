import { expect, test } from '@jest/globals';
import { UrgentBudget } from './urgent-budget.ts';

test('a flood that is due together spills over to bulk, an alert a few seconds later stays urgent', () => {
  const budget = new UrgentBudget(100);
  const lanes = Array.from({ length: 5000 }, () => budget.laneFor(1, '2026-05-01 09:00:00.000', null));
  expect(lanes.filter((lane) => lane === 'urgent')).toHaveLength(200);
  expect(budget.laneFor(1, '2026-05-01 09:00:05.000', null)).toBe('urgent');
});

test('large audiences are bulk, and what asks for a lane gets it', () => {
  const budget = new UrgentBudget(100);
  expect(budget.laneFor(101, '2026-05-01 09:00:00.000', null)).toBe('bulk');
  expect(budget.laneFor(1_000_000, '2026-05-01 09:00:00.000', 'urgent')).toBe('urgent');
  expect(budget.laneFor(1, '2026-05-01 09:00:00.000', 'bulk')).toBe('bulk');
});
