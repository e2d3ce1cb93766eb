import { expect, test } from '@jest/globals';
import type { BatchJob } from '@pushfleet/shared/domain/batch-job';
import {
  encodeProgress,
  markAccepted,
  markRefused,
  newProgress,
} from '@pushfleet/shared/domain/batch-progress';
import { EXPIRED, FAILED, REJECTED, RETIRED } from '@pushfleet/shared/domain/outcomes';
import { jobTitle, jobView, percentSettled } from './job-view.ts';

const AT = Date.UTC(2026, 4, 1, 12);

function aJob(change: Partial<BatchJob> = {}): BatchJob {
  return {
    v: 1,
    fleet: 'shop',
    dispatch: 7,
    seq: 2,
    generation: 3,
    nonce: 'abcd',
    notificationId: '42',
    batches: 20,
    app: 'shop',
    lane: 'bulk',
    topic: 'com.example.shop',
    environment: 'sandbox',
    pushType: 'alert',
    priority: 10,
    expiration: null,
    collapseId: 'c',
    payload: '{"aps":{"alert":"Your order"}}',
    dueAt: AT,
    deadline: AT + 86_400_000,
    size: 6,
    tokens: 'AQID',
    ids: 'BAUG',
    progress: encodeProgress(newProgress(6)),
    ...change,
  };
}

function mixedProgress(): string {
  const progress = newProgress(6);
  const refusal = { timestamp: null, deviceToken: null, attempts: 1 };
  markAccepted(progress, 0, AT);
  markRefused(progress, 1, FAILED, {
    ...refusal,
    status: 503,
    reason: 'Shutdown',
    attempts: 8,
    at: AT + 5_000,
  });
  markRefused(progress, 2, RETIRED, { ...refusal, status: 410, reason: 'Unregistered', at: AT });
  markRefused(progress, 3, REJECTED, { ...refusal, status: 0, reason: 'MalformedDeviceToken', at: AT });
  progress.outcomes[4] = EXPIRED;
  return encodeProgress(progress);
}

test('a batch is shown in words, and nothing of the audience or payload', () => {
  const view = jobView(aJob({ progress: mixedProgress() }), { showPayload: false });
  expect(view).toEqual({
    notification: '42',
    batch: '3 of 20',
    recipients: { 'in all': 6, waiting: 1, accepted: 1, failed: 1, refused: 2, expired: 1 },
    'what went wrong last': '503 Shutdown (8 attempts, 2026-05-01T12:00:05.000Z)',
    'what went wrong': { '503 Shutdown': 1, '410 Unregistered': 1, MalformedDeviceToken: 1 },
    generation: 3,
    app: 'shop',
    lane: 'bulk',
    topic: 'com.example.shop',
    environment: 'sandbox',
    'push type': 'alert',
    due: '2026-05-01T12:00:00.000Z',
    deadline: '2026-05-02T12:00:00.000Z',
  });
});

test('a batch that waits says why and until when', () => {
  const progress = newProgress(2);
  progress.trials.set(0, { attempts: 2, unanswered: 0, notBefore: AT, reason: 'TooManyRequests' });
  progress.trials.set(1, { attempts: 1, unanswered: 1, notBefore: AT + 1_000, reason: 'no answer' });
  expect(
    jobView(aJob({ size: 2, progress: encodeProgress(progress) }), { showPayload: false }),
  ).toMatchObject({
    'what went wrong last': 'TooManyRequests (2 attempts, tried again)',
    'what went wrong': { 'TooManyRequests, tried again': 1, 'no answer, tried again': 1 },
    'next attempt': '2026-05-01T12:00:00.000Z',
  });
});

test('the payload is shown only when asked for', () => {
  expect(jobView(aJob(), { showPayload: true })).toHaveProperty('payload', aJob().payload);
  expect(jobView(aJob(), { showPayload: false })).not.toHaveProperty('payload');
});

test('what is no batch shows nothing of itself', () => {
  const strange = { ...aJob(), v: 2, progress: 'x' };
  expect(JSON.stringify(jobView(strange, { showPayload: true }))).not.toMatch(/AQID|BAUG|Your order/);
  expect(jobView(aJob({ progress: '?' }), { showPayload: false })).toHaveProperty(
    'recipients',
    'the stored progress cannot be read',
  );
});

test('titles name the notification, and the batch where there are several', () => {
  expect(jobTitle({ data: aJob() })).toBe('notification 42 · batch 3 of 20');
  expect(jobTitle({ data: aJob({ seq: 0, batches: 1 }) })).toBe('notification 42');
  expect(jobTitle({ name: 'other', data: {} })).toBe('other');
});

test('settled is what neither waits nor failed', () => {
  expect(percentSettled(mixedProgress())).toBe(66);
  expect(percentSettled('not JSON')).toBe(0);
});
