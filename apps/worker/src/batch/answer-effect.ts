import { type ApnsAnswer, isServerError, judge, type Verdict } from '@pushfleet/shared/domain/apns-answer';
import {
  type BatchProgress,
  markAccepted,
  markRefused,
  type Trial,
} from '@pushfleet/shared/domain/batch-progress';
import { BRAKE_REASONS } from '@pushfleet/shared/domain/brake';
import { deviceTokenDigest } from '@pushfleet/shared/domain/device-token';
import { FAILED, type Outcome, REJECTED, RETIRED } from '@pushfleet/shared/domain/outcomes';
import { nextDelayMs, type RetryPolicy, unansweredDelayMs } from '@pushfleet/shared/domain/retry-schedule';

/** Reason of a waiting recipient whose last request may have reached APNs, without an answer. */
export const NO_ANSWER = 'NoAnswer';

/** Longest reason that is kept: Apple's have 26 characters. */
const REASON_LENGTH = 64;

export interface AnswerContext {
  readonly policy: RetryPolicy;
  /** Milliseconds since 1970. */
  readonly now: number;
  readonly random: number;
  readonly deviceToken: string;
  /** How often this recipient was resent for nothing in this run; such resends slow down. */
  readonly freeResends: number;
  /** APNs is down, or was a moment ago: by a 5xx nobody fails, only waits longer. */
  readonly isOutage: boolean;
}

export interface AnswerEffect {
  readonly verdict: Verdict;
  /** The final outcome, null while the recipient waits. */
  readonly outcome: Outcome | null;
  /** Apple's, or what we call it. */
  readonly reason: string;
}

/** Writes what an answer means for its recipient into the progress of the batch. */
export function applyAnswer(
  progress: BatchProgress,
  index: number,
  answer: ApnsAnswer,
  context: AnswerContext,
): AnswerEffect {
  const verdict = judge(answer);
  const reason = reasonOf(answer);
  switch (verdict) {
    case 'accepted':
      markAccepted(progress, index, context.now);
      return { verdict, outcome: 'accepted', reason };
    case 'rejected':
    case 'retired':
      refuse(progress, index, verdict === 'retired' ? RETIRED : REJECTED, answer, context);
      return { verdict, outcome: verdict, reason };
    case 'retry':
      return { verdict, outcome: retryLater(progress, index, answer, context), reason };
    case 'resend':
      resend(progress, index, answer, context);
      return { verdict, outcome: null, reason };
    case 'stop':
      return { verdict, outcome: null, reason };
  }
}

/** The request may have reached APNs, and its answer will not be heard: the next one is a repeat. */
export function markUnanswered(progress: BatchProgress, index: number, now: number): void {
  const trial = progress.trials.get(index);
  const unanswered = (trial?.unanswered ?? 0) + 1;
  progress.trials.set(index, {
    attempts: trial?.attempts ?? 0,
    unanswered,
    notBefore: now + unansweredDelayMs(unanswered),
    reason: NO_ANSWER,
  });
}

function refuse(
  progress: BatchProgress,
  index: number,
  byte: number,
  answer: ApnsAnswer,
  { now, deviceToken }: AnswerContext,
): void {
  if (!answer.answered) return;
  markRefused(progress, index, byte, {
    status: answer.status,
    reason: reasonOf(answer),
    timestamp: answer.timestamp ?? null,
    attempts: (progress.trials.get(index)?.attempts ?? 0) + 1,
    at: now,
    // Of these reasons some are retired only where the settings say so.
    deviceToken: byte === RETIRED || BRAKE_REASONS.has(answer.reason) ? deviceTokenDigest(deviceToken) : null,
  });
}

function retryLater(
  progress: BatchProgress,
  index: number,
  answer: ApnsAnswer,
  context: AnswerContext,
): Outcome | null {
  const trial = progress.trials.get(index);
  const made = (trial?.attempts ?? 0) + 1;
  const { maxAttempts } = context.policy;
  const isSpared = context.isOutage && isServerError(answer) && made >= maxAttempts;
  // The last attempt stays for an APNs that works.
  const attempts = isSpared ? maxAttempts - 1 : made;
  const policy = isSpared ? { ...context.policy, maxAttempts: made + 1 } : context.policy;
  const retryAfterMs = answer.answered ? answer.retryAfterMs : undefined;
  const delayMs = nextDelayMs(policy, made, retryAfterMs, context.random);
  if (delayMs === null) {
    refuse(progress, index, FAILED, answer, context);
    return 'failed';
  }
  const notBefore = context.now + Math.ceil(delayMs);
  progress.trials.set(index, {
    attempts,
    unanswered: trial?.unanswered ?? 0,
    notBefore,
    reason: reasonOf(answer),
  });
  return null;
}

function resend(progress: BatchProgress, index: number, answer: ApnsAnswer, context: AnswerContext): void {
  if (!answer.answered && answer.sent === 'unknown') {
    markUnanswered(progress, index, context.now);
    return;
  }
  // Free for the recipient, but a server that refuses every stream must not be asked in a tight loop.
  if (context.freeResends < 2) return;
  const known = progress.trials.get(index);
  const trial: Trial = known ?? { attempts: 0, unanswered: 0, notBefore: 0, reason: reasonOf(answer) };
  const waitMs = Math.min(1_000, 25 * 2 ** Math.min(context.freeResends, 6));
  progress.trials.set(index, { ...trial, notBefore: context.now + waitMs });
}

function reasonOf(answer: ApnsAnswer): string {
  if (!answer.answered) return answer.sent === 'unknown' ? NO_ANSWER : 'NotSent';
  return (answer.reason || (answer.status === 200 ? '' : `Status${answer.status}`)).slice(0, REASON_LENGTH);
}
