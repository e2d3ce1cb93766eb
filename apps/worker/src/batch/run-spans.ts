import type { ApnsAnswer, Verdict } from '@pushfleet/shared/domain/apns-answer';
import { apnsId } from '@pushfleet/shared/domain/apns-id';
import { tally } from '@pushfleet/shared/domain/outcomes';
import { runSpanId, sendSpanId } from '@pushfleet/shared/domain/trace-ids';
import type { Tracing } from '@pushfleet/shared/platform/tracing';
import type { JobRun } from '@pushfleet/shared/queue/checkpoint';
import type { OpenBatch } from './open-batch.ts';

/**
 * Requests have spans of their own in batches up to so many recipients: an alert to somebody's devices, where each
 * counts. A broadcast of a million would be a million spans that say what the counts of its runs say.
 */
const OWN_SPANS_UP_TO = 10;
/** Resends and retries of one run included. */
const OWN_SPANS_AT_MOST = 50;

/** The spans of one run of a batch: the run with its counts, and the requests of a small batch below it. */
export class RunSpans {
  readonly #startedAt = Date.now();
  readonly #id: string;
  readonly #verdicts = new Map<Verdict, number>();
  #requests = 0;
  #unanswered = 0;

  private constructor(
    private readonly tracing: Tracing,
    private readonly batch: OpenBatch,
    private readonly run: JobRun,
  ) {
    this.#id = runSpanId(batch.job, batch.job, run.attemptsStarted);
  }

  /** Null while nobody asked for traces. */
  static of(tracing: Tracing, batch: OpenBatch, run: JobRun): RunSpans | null {
    return tracing.isOn ? new RunSpans(tracing, batch, run) : null;
  }

  answered(position: number, answer: ApnsAnswer, verdict: Verdict, ms: number): void {
    this.#requests++;
    if (!answer.answered) this.#unanswered++;
    this.#verdicts.set(verdict, (this.#verdicts.get(verdict) ?? 0) + 1);
    if (this.batch.indexes.length > OWN_SPANS_UP_TO || this.#requests > OWN_SPANS_AT_MOST) return;
    const { job, tokenIds } = this.batch;
    const endedAt = Date.now();
    this.tracing.record(job, {
      name: 'POST',
      kind: 'client',
      parent: this.#id,
      startedAt: endedAt - ms,
      endedAt,
      attributes: {
        ...this.#names(),
        'http.request.method': 'POST',
        // The path itself holds the device token.
        'url.template': '/3/device/{device_token}',
        'network.protocol.version': '2',
        'http.response.status_code': answer.answered ? answer.status : undefined,
        'pushfleet.apns.id': apnsId(job.dispatch, tokenIds[position]!),
        'pushfleet.verdict': verdict,
      },
      error: errorOf(answer),
    });
  }

  /** @param ending how the run left its job; @param haltedBy why before its time, or null */
  ended(ending: string, outcomes: Uint8Array, haltedBy: string | null): void {
    const { job, jobId } = this.batch;
    const { generation, seq } = job;
    const { waiting, ...settled } = tally(outcomes);
    this.tracing.record(job, {
      name: `process ${job.lane}`,
      kind: 'consumer',
      id: this.#id,
      parent: sendSpanId(job, job),
      startedAt: this.#startedAt,
      endedAt: Date.now(),
      attributes: {
        ...this.#names(),
        'messaging.system': 'bullmq',
        'messaging.operation.type': 'process',
        'messaging.operation.name': 'process',
        'messaging.message.id': jobId,
        'pushfleet.lane': job.lane,
        'pushfleet.batch.seq': seq,
        'pushfleet.batch.generation': generation,
        'pushfleet.batch.start': this.run.attemptsStarted,
        'pushfleet.recipients': job.size,
        'pushfleet.requests': this.#requests,
        'pushfleet.requests.unanswered': this.#unanswered,
        ...prefixed('pushfleet.verdicts.', this.#verdicts),
        ...prefixed('pushfleet.outcomes.', Object.entries(settled)),
        'pushfleet.outcomes.waiting': waiting,
        'pushfleet.ending': ending,
        'pushfleet.halted_by': haltedBy ?? undefined,
      },
      error: ending === 'failed' || ending === 'gone' ? ending : undefined,
    });
  }

  #names() {
    const { notificationId, dispatch, app } = this.batch.job;
    return {
      'pushfleet.notification.id': notificationId,
      'pushfleet.dispatch.id': dispatch,
      'pushfleet.app': app,
    };
  }
}

function errorOf(answer: ApnsAnswer): string | undefined {
  if (!answer.answered) return 'no_answer';
  return answer.status === 200 ? undefined : answer.reason || String(answer.status);
}

function prefixed(prefix: string, counts: Iterable<readonly [string, number]>) {
  return Object.fromEntries([...counts].map(([name, count]) => [prefix + name, count]));
}
