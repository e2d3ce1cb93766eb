import { type BatchJob, batchJobSchema, batchResultSchema } from '@pushfleet/shared/domain/batch-job';
import {
  type BatchProgress,
  decodeProgress,
  earliestNotBefore,
  type Refusal,
} from '@pushfleet/shared/domain/batch-progress';
import { tally } from '@pushfleet/shared/domain/outcomes';

/** What a person reads of a job: JSON, in the order in which one asks. */
export type JobView = Readonly<Record<string, unknown>>;

/**
 * A job's data as the board shows it: which notification, which batch of how many, how its recipients
 * stand, what went wrong. Built field by field, so what is not named here is not shown.
 */
export function jobView(data: unknown, options: { readonly showPayload: boolean }): JobView {
  const batch = batchJobSchema.safeParse(data);
  if (batch.success) return batchView(batch.data, options.showPayload);
  const result = batchResultSchema.safeParse(data);
  if (!result.success) return { unreadable: 'this job is neither a batch nor a result of this version' };
  const { dispatch, seq, generation, app, worker, ended, progress } = result.data;
  return {
    'result of': `dispatch ${dispatch}, batch ${seq + 1}`,
    ...progressView(progress),
    generation,
    'worker is done with it': ended,
    app,
    worker,
  };
}

/** The name of a job in the lists. */
export function jobTitle(job: { readonly name?: string; readonly data?: unknown }): string {
  const batch = batchJobSchema.safeParse(job.data);
  if (batch.success) {
    const { notificationId, seq, batches } = batch.data;
    return `notification ${notificationId}${batches > 1 ? ` · batch ${seq + 1} of ${batches}` : ''}`;
  }
  const result = batchResultSchema.safeParse(job.data);
  if (result.success) return `result of dispatch ${result.data.dispatch} · batch ${result.data.seq + 1}`;
  return job.name ?? 'job without a name';
}

/** Share of the recipients that neither wait nor failed, in percent; 0 where it cannot be read. */
export function percentSettled(stored: string): number {
  const progress = readProgress(stored);
  if (progress === null || progress.outcomes.length === 0) return 0;
  const { waiting, failed } = tally(progress.outcomes);
  return Math.floor((100 * (progress.outcomes.length - waiting - failed)) / progress.outcomes.length);
}

function batchView(job: BatchJob, showPayload: boolean): JobView {
  return {
    notification: job.notificationId,
    batch: `${job.seq + 1} of ${job.batches}`,
    ...progressView(job.progress),
    generation: job.generation,
    app: job.app,
    lane: job.lane,
    topic: job.topic,
    environment: job.environment,
    'push type': job.pushType,
    due: time(job.dueAt),
    deadline: time(job.deadline),
    ...(showPayload && { payload: job.payload }),
  };
}

function progressView(text: string): JobView {
  const progress = readProgress(text);
  if (progress === null) return { recipients: 'the stored progress cannot be read' };
  const { waiting, accepted, failed, rejected, retired, expired, cancelled } = tally(progress.outcomes);
  const next = earliestNotBefore(progress);
  return {
    recipients: {
      'in all': progress.outcomes.length,
      waiting,
      accepted,
      failed,
      refused: rejected + retired,
      ...(expired > 0 && { expired }),
      ...(cancelled > 0 && { cancelled }),
    },
    ...troubles(progress),
    ...(next !== null && next > 0 && { 'next attempt': time(next) }),
    ...(progress.resent > 0 && { 'sent again without an answer': progress.resent }),
  };
}

/** The latest reason of trouble, and all reasons with the numbers of their recipients, most frequent first. */
function troubles({ refusals, trials }: BatchProgress): JobView {
  const numbers = new Map<string, number>();
  const count = (reason: string) => numbers.set(reason, (numbers.get(reason) ?? 0) + 1);
  for (const refusal of refusals.values()) count(reasonOf(refusal));
  for (const trial of trials.values()) count(`${trial.reason}, tried again`);
  if (numbers.size === 0) return {};
  return {
    'what went wrong last': lastTrial(trials) ?? lastRefusal(refusals),
    'what went wrong': Object.fromEntries([...numbers].sort(([, a], [, b]) => b - a)),
  };
}

/** Trials carry no time of their own: the one that was tried most often speaks. */
function lastTrial(trials: BatchProgress['trials']): string | undefined {
  if (trials.size === 0) return undefined;
  const last = [...trials.values()].reduce((a, b) => (b.attempts >= a.attempts ? b : a));
  return `${last.reason} (${attempts(last.attempts)}, tried again)`;
}

function lastRefusal(refusals: BatchProgress['refusals']): string {
  const last = [...refusals.values()].reduce((a, b) => (b.at >= a.at ? b : a));
  return `${reasonOf(last)} (${attempts(last.attempts)}, ${time(last.at)})`;
}

function reasonOf({ status, reason }: Refusal): string {
  return status > 0 ? `${status} ${reason}` : reason;
}

function readProgress(text: string): BatchProgress | null {
  try {
    return decodeProgress(text);
  } catch {
    return null;
  }
}

function attempts(number: number): string {
  return number === 1 ? '1 attempt' : `${number} attempts`;
}

/** ISO time; beyond what a Date holds, the number itself. */
function time(ms: number): string {
  const date = new Date(ms);
  return Number.isNaN(date.getTime()) ? String(ms) : date.toISOString();
}
