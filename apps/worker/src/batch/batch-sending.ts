import { setImmediate as nextTurn } from 'node:timers/promises';
import { type ApnsAnswer, isServerError } from '@pushfleet/shared/domain/apns-answer';
import { apnsIdsOf } from '@pushfleet/shared/domain/apns-id';
import type { BatchProgress } from '@pushfleet/shared/domain/batch-progress';
import { killPoint } from '@pushfleet/shared/platform/kill-point';
import type { RunHold } from '../lanes/run-hold.ts';
import { TOPIC_DISALLOWED } from '../topic-breakers.ts';
import { type AnswerEffect, applyAnswer, markUnanswered, NO_ANSWER } from './answer-effect.ts';
import type { OpenBatch } from './open-batch.ts';
import { RecipientQueue } from './recipient-queue.ts';
import type { RunCheckpoints } from './run-checkpoints.ts';
import type { RunSpans } from './run-spans.ts';
import { SendPermission, type StopCause } from './send-permission.ts';
import type { SendingParts } from './sending-parts.ts';

/** Requests are started for no longer without giving way: an alert waits behind them. */
const TURN_MS = 1;
/** The clock is looked at after so many of them. */
const BURST = 16;
/** The governor answers every request in 10 s, if only with "no answer"; a little more than that. */
const ANSWERS_WITHIN_MS = 15_000;

const NOTHING = () => {};

/**
 * Sends a batch to whoever is due, and to whoever becomes due while answers are awaited. Each answer goes
 * into the progress at once. Ends when nobody is due and every answer is there, or when it must stop.
 */
export class BatchSending {
  readonly #queue: RecipientQueue;
  readonly #permission: SendPermission;
  readonly #apnsIdOf: (tokenId: string) => string;
  readonly #freeResends = new Map<number, number>();
  #probe: number | null = null;
  #wake: () => void = NOTHING;
  #closed = false;

  constructor(
    private readonly batch: OpenBatch,
    private readonly progress: BatchProgress,
    private readonly hold: RunHold,
    private readonly checkpoints: RunCheckpoints,
    private readonly parts: SendingParts,
    private readonly spans: RunSpans | null,
  ) {
    this.#queue = new RecipientQueue(batch.indexes, progress, Date.now());
    this.#apnsIdOf = apnsIdsOf(batch.job.dispatch);
    this.#permission = new SendPermission(batch.job, hold, checkpoints, parts);
    hold.signal.addEventListener('abort', () => this.#wake(), { once: true });
  }

  /** Resolves with why it had to stop, or why it is over for those who wait; null when all that was due was sent. */
  async send(): Promise<StopCause | null> {
    await this.#sendWhileDue();
    await this.#awaitAnswers();
    this.#closed = true; // what comes later belongs to another run
    if (this.#probe !== null) this.#permission.giveUpProbe();
    return this.#permission.stopCause ?? this.#permission.overCause();
  }

  async #sendWhileDue(): Promise<void> {
    let turnBegan = performance.now();
    for (let started = 1; ; ) {
      const wall = Date.now();
      const position = this.#queue.next(wall);
      if (position === null) {
        if (this.#queue.inFlight === 0 || this.hold.haltedBy !== null) return;
        await this.#nextEvent(this.#queue.nextDueAt() - Date.now());
        continue;
      }
      const asked = this.#permission.ask(performance.now(), wall);
      const permission = typeof asked === 'string' ? asked : await asked;
      if (permission === 'denied') return;
      if (permission === 'probe') this.#probe = position;
      this.#start(position);
      if (started++ % BURST !== 0 || performance.now() - turnBegan < TURN_MS) continue;
      await nextTurn();
      turnBegan = performance.now();
    }
  }

  #start(position: number): void {
    const { batch, parts } = this;
    const index = batch.indexes[position]!;
    if (this.progress.trials.get(index)?.reason === NO_ANSWER) {
      this.progress.resent++;
      parts.observer.resentUnanswered();
    }
    this.#queue.started(position);
    const request = {
      deviceToken: batch.deviceTokens.at(position),
      apnsId: this.#apnsIdOf(batch.tokenIds[position]!),
      headers: batch.headers,
      payload: batch.job.payload,
    };
    const startedAt = performance.now();
    parts.governor.send(request, (answer) =>
      this.#answered(position, request.deviceToken, answer, startedAt),
    );
    killPoint('worker.afterSend');
  }

  #answered(position: number, deviceToken: string, answer: ApnsAnswer, startedAt: number): void {
    if (this.#closed) return;
    const { batch, parts } = this;
    const now = Date.now();
    const mono = performance.now();
    const ms = mono - startedAt;
    const freeResends = this.#freeResends.get(position) ?? 0;
    const isError = isServerError(answer);
    if (answer.answered) parts.breaker.answered(isError, deviceToken, mono);
    const effect = applyAnswer(this.progress, batch.indexes[position]!, answer, {
      policy: parts.policy,
      now,
      random: Math.random(),
      deviceToken,
      freeResends,
      isOutage: isError && parts.breaker.sparesAttempts,
    });
    if (effect.verdict === 'resend') this.#freeResends.set(position, freeResends + 1);
    parts.observer.answered(answer, effect.verdict, effect.reason, ms, mono);
    this.spans?.answered(position, answer, effect.verdict, ms);
    if (effect.outcome !== null)
      parts.observer.settled(effect.outcome, effect.reason, 1, now - batch.job.dueAt);
    this.#tellBreaker(position, answer, effect);
    this.#queue.ended(position, now);
    this.checkpoints.noteAnswer();
    killPoint('worker.afterAnswer');
    this.#wake();
  }

  #tellBreaker(position: number, answer: ApnsAnswer, { verdict, outcome, reason }: AnswerEffect): void {
    const { breaker, topicBreakers } = this.parts;
    const topicBreaker = topicBreakers.of(this.batch.job.topic);
    // An answer about a topic beside the app's own says nothing against our credential.
    const isTopicRefused = topicBreaker !== null && reason === TOPIC_DISALLOWED;
    const isStopped = verdict === 'stop' && !isTopicRefused;
    if (verdict === 'accepted') breaker.accepted();
    if (verdict === 'resend' && answer.answered && answer.status === 403) breaker.stale(reason);
    if (position === this.#probe) {
      this.#probe = null;
      const isFinal = outcome !== null && outcome !== 'failed';
      const otherwise = isServerError(answer) ? 'unavailable' : 'unclear';
      breaker.probeAnswered(isStopped ? 'refused' : isFinal || isTopicRefused ? 'passed' : otherwise, reason);
      topicBreaker?.probeAnswered(isTopicRefused ? 'refused' : isFinal ? 'passed' : 'unclear', reason);
    } else if (isTopicRefused) topicBreaker.refused(reason);
    else if (isStopped) breaker.refused(reason);
  }

  /** What is not answered in time may have reached APNs: the next request to it is a repeat. */
  async #awaitAnswers(): Promise<void> {
    const until = performance.now() + ANSWERS_WITHIN_MS;
    while (this.#queue.inFlight > 0) {
      const left = Math.min(until, this.hold.drainUntil) - performance.now();
      if (left <= 0) break;
      await this.#nextEvent(left);
    }
    for (const position of this.#queue.flying()) {
      markUnanswered(this.progress, this.batch.indexes[position]!, Date.now());
      this.checkpoints.noteAnswer();
    }
  }

  /** An answer, a halt, or at most so many milliseconds. */
  #nextEvent(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, Math.min(Math.max(ms, 0), 1_000));
      this.#wake = () => {
        this.#wake = NOTHING; // every answer calls it
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
