import { expect, test } from '@jest/globals';
import { packDeviceTokens } from '@pushfleet/shared/domain/batch-job';
import { JobBudget, recipientsOf } from './job-budget.ts';

const packed = (count: number, hexDigits = 64) =>
  packDeviceTokens(Array.from({ length: count }, () => 'a'.repeat(hexDigits)));

test.each([
  ['a whole batch', { size: 500, tokens: packed(500) }, 500],
  ['what is left of one', { size: 500, tokens: packed(3) }, 3],
  ['never more than the batch has', { size: 2, tokens: packed(2, 400) }, 2],
  ['no batch at all', { hello: 1 }, 1],
  ['nothing', null, 1],
])('%s counts as its recipients', (_, data, recipients) => {
  expect(recipientsOf(data)).toBe(recipients);
});

test('many small jobs, few large ones, and always one', () => {
  const budget = new JobBudget(128, 1_000);
  expect(budget.allowed()).toBe(128);
  budget.add('a', 500);
  expect(budget.allowed()).toBe(128);
  budget.add('b', 500);
  expect(budget.allowed()).toBe(2);
  budget.remove('a');
  expect(budget.allowed()).toBe(128);
  budget.add('b', 5_000); // told twice of the same job
  expect([budget.jobs, budget.allowed()]).toEqual([1, 1]);
  budget.oneAtATime = true;
  expect(budget.allowed()).toBe(1);
});
