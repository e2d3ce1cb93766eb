import { expect, test } from '@jest/globals';
import { JobBudget } from './job-budget.ts';

test('many small jobs may run at once, few large ones', () => {
  const budget = new JobBudget(64, 2_000);
  for (let i = 0; i < 10; i++) budget.add(`small-${i}`, 1);
  expect(budget.allowed()).toBe(64);
  for (let i = 0; i < 4; i++) budget.add(`large-${i}`, 500);
  expect(budget.allowed()).toBe(14);
  budget.remove('large-0');
  expect(budget.allowed()).toBe(64);
});

test('a job larger than the whole budget still runs, alone', () => {
  const budget = new JobBudget(64, 2_000);
  budget.add('huge', 5_000);
  expect(budget.allowed()).toBe(1);
  budget.remove('huge');
  budget.remove('huge');
  expect([budget.jobs, budget.allowed()]).toEqual([0, 64]);
});

test('while a probe is due one job is allowed', () => {
  const budget = new JobBudget(64, 2_000);
  budget.oneAtATime = true;
  expect(budget.allowed()).toBe(1);
});
