import { expect, test } from '@jest/globals';
import { REASON_POLICIES } from './apns-answer.ts';
import { REASON_MEANINGS } from './reason-meanings.ts';

test('each reason that has a policy has a meaning, and no other', () => {
  expect([...REASON_MEANINGS.keys()].sort()).toEqual([...REASON_POLICIES.keys()].sort());
});
