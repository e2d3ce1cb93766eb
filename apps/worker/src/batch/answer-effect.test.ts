import { expect, test } from '@jest/globals';
import type { ApnsAnswer } from '@pushfleet/shared/domain/apns-answer';
import { newProgress } from '@pushfleet/shared/domain/batch-progress';
import { applyAnswer, NO_ANSWER } from './answer-effect.ts';

const NOW = 1_700_000_000_000;
const policy = { maxAttempts: 3, delaysMs: [1_000, 5_000] };
const context = {
  policy,
  now: NOW,
  random: 0,
  deviceToken: 'ab'.repeat(32),
  freeResends: 0,
  isOutage: false,
};

function after(...answers: ApnsAnswer[]) {
  const progress = newProgress(1);
  const effects = answers.map((answer, i) =>
    applyAnswer(progress, 0, answer, { ...context, freeResends: i }),
  );
  return { progress, effect: effects.at(-1)!, byte: progress.outcomes[0], trial: progress.trials.get(0) };
}

const unavailable: ApnsAnswer = { answered: true, status: 503, reason: 'ServiceUnavailable' };
const lost: ApnsAnswer = { answered: false, sent: 'unknown', detail: 'reset' };
const refused: ApnsAnswer = { answered: false, sent: 'no', detail: 'refused' };

test('an accepted push ends with the time of its acceptance and no trial', () => {
  const { progress, byte, trial } = after(unavailable, { answered: true, status: 200, reason: '' });
  expect([byte, trial, progress.firstAcceptedAt]).toEqual([6, undefined, NOW]);
});

test('a retired recipient carries the digest of what was sent to, and the 410 timestamp', () => {
  const { progress, byte } = after({ answered: true, status: 410, reason: 'Unregistered', timestamp: 7 });
  expect(byte).toBe(5);
  expect(progress.refusals.get(0)).toMatchObject({
    timestamp: 7,
    attempts: 1,
    deviceToken: expect.any(String),
  });
  expect(JSON.stringify([...progress.refusals])).not.toContain('abab');
});

test('a recipient whose device token is accused carries its digest, for settings that retire it', () => {
  const { progress } = after({ answered: true, status: 400, reason: 'BadDeviceToken' });
  expect(progress.refusals.get(0)!.deviceToken).toMatch(/^[0-9a-f]{16}$/);
});

test('a recipient that was rejected for the request carries no digest', () => {
  const { progress } = after({ answered: true, status: 400, reason: 'BadPriority' });
  expect(progress.refusals.get(0)).toMatchObject({
    status: 400,
    reason: 'BadPriority',
    deviceToken: null,
  });
});

test('each answered attempt waits longer, and the last one fails', () => {
  expect(after(unavailable).trial).toEqual({
    attempts: 1,
    unanswered: 0,
    notBefore: NOW + 1_000,
    reason: 'ServiceUnavailable',
  });
  expect(after(unavailable, unavailable).trial).toMatchObject({ attempts: 2, notBefore: NOW + 5_000 });
  const failed = after(unavailable, unavailable, unavailable);
  expect([failed.byte, failed.effect.outcome, failed.trial]).toEqual([1, 'failed', undefined]);
  expect(failed.progress.refusals.get(0)).toMatchObject({ attempts: 3, reason: 'ServiceUnavailable' });
});

test('Retry-After wins over the schedule', () => {
  const answer: ApnsAnswer = {
    ...unavailable,
    answered: true,
    status: 429,
    reason: 'TooManyRequests',
    retryAfterMs: 900_000,
  };
  expect(after(answer).trial!.notBefore).toBe(NOW + 900_000);
});

test('a lost answer costs no attempt, is due at once the first time and later after that', () => {
  expect(after(lost).trial).toEqual({ attempts: 0, unanswered: 1, notBefore: NOW, reason: NO_ANSWER });
  expect(after(lost, lost).trial).toMatchObject({ attempts: 0, unanswered: 2, notBefore: NOW + 1_000 });
});

test('a request that APNs certainly did not see leaves no trace, until it happens again and again', () => {
  expect(after(refused).trial).toBeUndefined();
  expect(after(lost, refused).trial!.reason).toBe(NO_ANSWER);
  const third = after(refused, refused, refused).trial!;
  expect(third.attempts).toBe(0);
  expect(third.notBefore).toBeGreaterThan(NOW);
});

test('a refused credential changes nothing for the recipient', () => {
  const { byte, trial, effect } = after({ answered: true, status: 403, reason: 'InvalidProviderToken' });
  expect([byte, trial, effect.verdict]).toEqual([0, undefined, 'stop']);
});

test.each([
  [503, 'ServiceUnavailable', 0, 2],
  [502, '', 0, 2],
  [429, 'TooManyRequests', 1, undefined],
])('in an outage %i %s ends with byte %i: only a 5xx is spared', (status, reason, byte, attempts) => {
  const progress = newProgress(1);
  for (let i = 0; i < 9; i++)
    applyAnswer(progress, 0, { answered: true, status, reason }, { ...context, isOutage: true });
  expect([progress.outcomes[0], progress.trials.get(0)?.attempts]).toEqual([byte, attempts]);
});

test('whoever was spared waits as long as the schedule grew, and has one attempt left', () => {
  const progress = newProgress(1);
  const answer = (isOutage: boolean) => applyAnswer(progress, 0, unavailable, { ...context, isOutage });
  for (let i = 0; i < 5; i++) expect(answer(true).outcome).toBeNull();
  expect(progress.trials.get(0)).toMatchObject({ attempts: 2, notBefore: NOW + 5_000 });
  expect(answer(false).outcome).toBe('failed');
});

test('a policy of one attempt is spared too', () => {
  const progress = newProgress(1);
  const one = { ...context, policy: { ...policy, maxAttempts: 1 }, isOutage: true };
  expect(applyAnswer(progress, 0, unavailable, one).outcome).toBeNull();
  expect(progress.trials.get(0)).toMatchObject({ attempts: 0, notBefore: NOW + 1_000 });
});
