import type { BatchJob } from '@pushfleet/shared/domain/batch-job';
import { killPoint } from '@pushfleet/shared/platform/kill-point';
import { addBatches, forgetAdded, type LaneQueues } from '@pushfleet/shared/queue/lane-queue';
import type { ProducerContext } from './producer-context.ts';
import { traceQueued } from './producer-spans.ts';

/** A producer that was stopped between commit and add must not add any more: the reconciler has it then. */
const ADD_WITHIN_MS = 5_000;

/** When a step of queueing began. */
export interface QueueingTimes {
  /** By `performance.now()`, before MySQL was told that the batches are queued. */
  readonly markedAt: number;
  /** Milliseconds since 1970. */
  readonly startedAt: number;
}

/** Adds jobs whose batches MySQL calls queued. Whatever goes wrong is the reconciler's. */
export async function addToLane(
  context: ProducerContext,
  queue: LaneQueues['urgent'],
  jobs: readonly BatchJob[],
  { markedAt, startedAt }: QueueingTimes,
): Promise<void> {
  killPoint('producer.afterCommit');
  const again = jobs.filter(({ generation }) => generation > 1);
  try {
    if (again.length > 0) await forgetAdded(queue, again);
    if (performance.now() - markedAt > ADD_WITHIN_MS)
      throw new Error('this process was stopped before it could add them');
    await addBatches(queue, jobs);
    killPoint('producer.afterAdd');
    traceQueued(context, jobs, startedAt);
  } catch (error) {
    context.log.warn(
      { event: 'batch.addUnknown', batches: jobs.length, lane: jobs[0]?.lane, err: error },
      'batches may or may not be in Redis; the reconciler looks',
    );
    traceQueued(context, jobs, startedAt, 'add_unknown');
  }
}
