import type { ApnsAnswer, Verdict } from '@pushfleet/shared/domain/apns-answer';
import type { BatchResult } from '@pushfleet/shared/domain/batch-job';
import type { Lane } from '@pushfleet/shared/domain/lanes';
import type { Outcome } from '@pushfleet/shared/domain/outcomes';
import type { RetryPolicy } from '@pushfleet/shared/domain/retry-schedule';
import type { Log } from '@pushfleet/shared/platform/log';
import type { Tracing } from '@pushfleet/shared/platform/tracing';
import type { Checkpoint, JobRun } from '@pushfleet/shared/queue/checkpoint';
import type { ConnectionGovernor } from '../apns/connection-governor.ts';
import type { ControlWatch } from '../control-watch.ts';
import type { RateLimiter } from '../rate-limiter.ts';
import type { SendBreaker } from '../send-breaker.ts';
import type { TopicBreakers } from '../topic-breakers.ts';
import type { Refusal } from './open-batch.ts';

/** What every batch of this worker is sent with. */
export interface SendingParts {
  readonly governor: Pick<ConnectionGovernor, 'acquire' | 'tryAcquire' | 'send' | 'release'>;
  readonly control: Pick<ControlWatch, 'current' | 'isCancelled' | 'isHeld'>;
  readonly limiter: Pick<RateLimiter, 'tryTake' | 'take'>;
  readonly breaker: SendBreaker;
  readonly topicBreakers: Pick<TopicBreakers, 'of'>;
  readonly checkpoints: { checkpoint(checkpoint: Checkpoint): Promise<boolean> };
  readonly readCheckpoint: (run: JobRun) => Promise<string | null>;
  readonly results: { publish(result: BatchResult, isWanted: () => boolean): Promise<boolean> };
  readonly observer: SendingObserver;
  readonly tracing: Tracing;
  readonly policy: RetryPolicy;
  /** BullMQ's lock, in milliseconds. */
  readonly lockDurationMs: number;
  /** Names this worker in results. */
  readonly worker: string;
  readonly log: Log;
}

/** Told what happens, for the metrics. */
export interface SendingObserver {
  batchStarted(lane: Lane): void;
  /** @param ms from the request to its answer, which came at `mono` (performance.now()) */
  answered(answer: ApnsAnswer, verdict: Verdict, reason: string, ms: number, mono: number): void;
  /** Recipients that have a final outcome now, so many milliseconds after their notification was due. */
  settled(outcome: Outcome, reason: string, recipients: number, sinceDueMs: number): void;
  resentUnanswered(): void;
  /** A job that this worker handed back unsent. */
  refused(cause: Refusal): void;
}
