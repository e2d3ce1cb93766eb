import type { BatchResult } from '@pushfleet/shared/domain/batch-job';
import { type BatchProgress, encodeProgress } from '@pushfleet/shared/domain/batch-progress';
import { CANCELLED, EXPIRED, tally, WAITING } from '@pushfleet/shared/domain/outcomes';
import { killPoint } from '@pushfleet/shared/platform/kill-point';
import type { JobRun } from '@pushfleet/shared/queue/checkpoint';
import type { RunHold } from '../lanes/run-hold.ts';
import { BatchSending } from './batch-sending.ts';
import type { OpenBatch } from './open-batch.ts';
import { RunCheckpoints } from './run-checkpoints.ts';
import { answersOnly, endingOf, isAllAnswered, type RunEnding } from './run-ending.ts';
import { RunSpans } from './run-spans.ts';
import type { StopCause } from './send-permission.ts';
import type { SendingParts } from './sending-parts.ts';
import { startProgress } from './start-progress.ts';

/**
 * How a run leaves its job: the endings of a batch, or
 * - `back`: at once to whichever worker is free;
 * - `gone`: not ours any more, touch nothing.
 */
export type RunEnd = RunEnding | { readonly kind: 'back' } | { readonly kind: 'gone' };

/** Results of a batch that takes longer come every second. */
const PUBLISH_EVERY_MS = 1_000;
/** How long the answers that a lost run still holds are offered. */
const LAST_WORDS_MS = 3_000;

/** One run of one batch: sends what is due, keeps its checkpoint, publishes what came of it. */
export class BatchRun {
  readonly #checkpoints: RunCheckpoints;
  #publishedAt = performance.now();
  #publishing = false;
  #begun = 0;
  readonly #spans: RunSpans | null;

  private constructor(
    private readonly batch: OpenBatch,
    private readonly progress: BatchProgress,
    private readonly isRetry: boolean,
    run: JobRun,
    private readonly hold: RunHold,
    private readonly parts: SendingParts,
  ) {
    this.#spans = RunSpans.of(parts.tracing, batch, run);
    this.#checkpoints = new RunCheckpoints({
      progress,
      write: (text) => parts.checkpoints.checkpoint({ run, progress: text }),
      onRefused: () => hold.halt('lost'),
      onSaved: () => {
        killPoint('worker.afterCheckpoint');
        this.#publishNowAndThen();
      },
    });
  }

  static async start(
    batch: OpenBatch,
    attemptsMade: number,
    run: JobRun,
    hold: RunHold,
    parts: SendingParts,
  ): Promise<RunEnd> {
    // A job that starts for the first time can have no checkpoint.
    const checkpoint = run.attemptsStarted > 1 ? await parts.readCheckpoint(run) : null;
    const { progress, reopened } = startProgress(batch, checkpoint, attemptsMade);
    const one = new BatchRun(batch, progress, attemptsMade > 0, run, hold, parts);
    // Or a worker that dies now would take the retry of a person for a job that ended.
    if (reopened > 0) one.#checkpoints.noteAnswer();
    const end = await one.#toItsEnd();
    one.#spans?.ended(end.kind, progress.outcomes, hold.haltedBy);
    return end;
  }

  async #toItsEnd(): Promise<RunEnd> {
    const { batch, progress, hold, parts } = this;
    parts.observer.batchStarted(batch.job.lane);
    killPoint('worker.batchStarted');
    this.#begun = performance.now();
    const before = encodeProgress(progress);
    const sending = new BatchSending(batch, progress, hold, this.#checkpoints, parts, this.#spans);
    const stopped = await sending.send();
    if (stopped === 'cancelled') this.#settleWaiting(CANCELLED);
    if (stopped === 'expired') this.#settleWaiting(EXPIRED);

    const halted = hold.haltedBy;
    const ending = endingOf(
      progress,
      batch.indexes,
      Date.now(),
      batch.job.deadline,
      this.isRetry,
      stopped === 'held',
    );
    const ended = ending.kind !== 'later';
    const toldNothing = !ended && encodeProgress(progress) === before;
    const owned = toldNothing ? halted !== 'lost' : await this.#saveAndPublish(ended);
    this.#checkpoints.stop();
    if (!owned) return this.#lost();
    killPoint('worker.afterPublish');
    this.#log(ending, stopped);
    // Handed back are those who are due; who must wait longer than that is delayed as ever.
    if (ending.kind !== 'later' || halted === null || ending.until > Date.now()) return ending;
    return hold.backAt === null ? { kind: 'back' } : { kind: 'later', until: hold.backAt };
  }

  /**
   * Both before BullMQ hears that the job ended: a crash in between repeats work, it never loses a
   * result. Where APNs has answered for every recipient the result is true whoever owns the job, so the
   * two go out together and a batch of one recipient pays one round trip, not two.
   */
  async #saveAndPublish(ended: boolean): Promise<boolean> {
    const mayBeOurs = () => this.hold.haltedBy !== 'lost' && this.#isLockAlive();
    if (isAllAnswered(this.progress.outcomes)) {
      const result = this.#result(this.progress, true);
      const [saved, published] = await Promise.all([
        this.#checkpoints.flush(mayBeOurs),
        this.parts.results.publish(result, mayBeOurs),
      ]);
      return saved && published;
    }
    if (!(await this.#checkpoints.flush(mayBeOurs))) return false;
    return this.parts.results.publish(this.#result(this.progress, ended), mayBeOurs);
  }

  #isLockAlive(): boolean {
    return this.hold.lockAgeMs() < this.parts.lockDurationMs;
  }

  async #lost(): Promise<RunEnd> {
    const { parts, progress, batch } = this;
    const until = performance.now() + LAST_WORDS_MS;
    parts.log.warn(
      { event: 'batch.takenOver', batch: batch.jobId, app: batch.job.app },
      'another worker took this batch over; only its answers are told',
    );
    await parts.results.publish(this.#result(answersOnly(progress), false), () => performance.now() < until);
    return { kind: 'gone' };
  }

  #publishNowAndThen(): void {
    if (this.#publishing || performance.now() - this.#publishedAt < PUBLISH_EVERY_MS) return;
    this.#publishing = true;
    this.#publishedAt = performance.now();
    void this.parts.results
      .publish(this.#result(this.progress, false), () => this.#isLockAlive())
      .finally(() => {
        this.#publishing = false;
      });
  }

  #settleWaiting(byte: typeof CANCELLED | typeof EXPIRED): void {
    const { progress, batch, parts } = this;
    let settled = 0;
    for (const index of batch.indexes) {
      if (progress.outcomes[index] !== WAITING) continue;
      progress.outcomes[index] = byte;
      progress.trials.delete(index);
      settled++;
    }
    if (settled === 0) return;
    this.#checkpoints.noteAnswer();
    parts.observer.settled(
      byte === CANCELLED ? 'cancelled' : 'expired',
      '',
      settled,
      Date.now() - batch.job.dueAt,
    );
  }

  #result(progress: BatchProgress, ended: boolean): BatchResult {
    const { fleet, dispatch, seq, generation, nonce, app } = this.batch.job;
    const told = { v: 1 as const, fleet, dispatch, seq, generation, nonce, app, worker: this.parts.worker };
    return { ...told, progress: encodeProgress(progress), ended };
  }

  #log(ending: RunEnding, stopped: StopCause | null): void {
    const { job, jobId } = this.batch;
    const { notificationId: notification, app, lane } = job;
    const facts = { event: 'batch.sent', batch: jobId, notification, app, lane } as const;
    this.parts.log.info(
      {
        ...facts,
        ...tally(this.progress.outcomes),
        ms: Math.round(performance.now() - this.#begun),
        ending: ending.kind,
        ...(stopped !== null && { stopped: this.hold.haltedBy ?? stopped }),
        ...this.parts.tracing.logFields(job),
      },
      'batch sent as far as it was due',
    );
  }
}
