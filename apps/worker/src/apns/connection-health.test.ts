import { expect, test } from '@jest/globals';
import type { ApnsAnswer } from '@pushfleet/shared/domain/apns-answer';
import { NO_ANSWER_IN_TIME, STREAM_REFUSED } from './apns-connection.ts';
import { ConnectionHealth } from './connection-health.ts';

const answered = (status: number, reason = ''): ApnsAnswer => ({ answered: true, status, reason });
const unanswered = (detail: string): ApnsAnswer => ({ answered: false, sent: 'unknown', detail });
const accepted = answered(200);
const late = unanswered(NO_ANSWER_IN_TIME);
const sticky = answered(500, 'InternalServerError');
const actions = (answers: ApnsAnswer[]) => {
  const health = new ConnectionHealth();
  return answers.map((answer) => health.note(answer, 0).action);
};

test.each([
  ['two 500s in a row drain it', [sticky, sticky], ['keep', 'drain']],
  ['a 500, an acceptance, a 500 do not', [sticky, accepted, sticky], ['keep', 'keep', 'keep']],
  [
    '503 is no sign of a stuck connection',
    Array(3).fill(answered(503, 'ServiceUnavailable')),
    ['keep', 'keep', 'keep'],
  ],
  ['three timeouts in a row destroy it', [late, late, late], ['keep', 'keep', 'destroy']],
  [
    'any answer between timeouts shows life',
    [late, late, answered(410, 'Unregistered'), late],
    Array(4).fill('keep'),
  ],
  ['ExpiredProviderToken wedges it', [answered(403, 'ExpiredProviderToken')], ['drain']],
  ['Shutdown is a server that leaves', [answered(503, 'Shutdown')], ['drain']],
  ['a reset stream says nothing about it', Array(4).fill(unanswered('reset')), Array(4).fill('keep')],
])('%s', (_, answers, expected) => {
  expect(actions(answers)).toEqual(expected);
});

test('a refused stream lowers the window to what was open; each acceptance raises it by one', () => {
  const health = new ConnectionHealth();
  health.note(unanswered(STREAM_REFUSED), 40);
  expect(health.learnedLimit).toBe(40);
  health.note(accepted, 39);
  expect(health.learnedLimit).toBe(41);
});

test('a server that refuses even a single stream, five times running, is left', () => {
  const health = new ConnectionHealth();
  const verdicts = Array.from({ length: 5 }, () => health.note(unanswered(STREAM_REFUSED), 0).action);
  expect(verdicts).toEqual(['keep', 'keep', 'keep', 'keep', 'drain']);
});
