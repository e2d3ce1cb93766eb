import type { BatchJob } from '@pushfleet/shared/domain/batch-job';
import { normalizeDeviceToken } from '@pushfleet/shared/domain/device-token';
import { decodeRecipients } from '@pushfleet/shared/domain/recipient-list';
import { addToLane, type QueueingTimes } from './add-to-lane.ts';
import { type BatchOfJob, toJob } from './batch-jobs.ts';
import type { DraftedPlan } from './plan-small-audiences.ts';
import type { ProducerContext } from './producer-context.ts';

/** A plan, and the job of its batch where that is queued at once. */
export interface PlanForQueue extends DraftedPlan {
  readonly job: BatchJob | null;
}

/**
 * The short way of an alert: its batch is written as queued in the transaction that plans it and added to the
 * urgent lane from memory, instead of being looked for, read and marked once more.
 */
export class QueueAtOnce {
  readonly #context: ProducerContext;

  constructor(context: ProducerContext) {
    this.#context = context;
  }

  /** Marks those plans as queued that may take the short way, with their jobs; the others go the long one. */
  choose(plans: readonly DraftedPlan[], nonce: string): PlanForQueue[] {
    return plans.map((plan) => {
      const job = this.#mayGo(plan) ? this.#toJob(plan, nonce) : null;
      return { ...plan, isQueued: job !== null, job };
    });
  }

  #mayGo({ planning, page }: DraftedPlan): boolean {
    const { redis, queues, laneRoom } = this.#context;
    const [batch, ...others] = page.batches;
    if (page.lane !== 'urgent' || batch === undefined || others.length > 0 || batch.rejected > 0)
      return false;
    // Without a connection the add would be left to the reconciler.
    if (redis.status !== 'ready' || !queues.some(({ app }) => app.name === planning.app)) return false;
    return laneRoom.take(planning.app, 'urgent', batch.size);
  }

  /** Adds the jobs of plans that were written as queued. */
  async add(plans: readonly PlanForQueue[], times: QueueingTimes): Promise<void> {
    for (const { app, lanes } of this.#context.queues) {
      const jobs = plans.flatMap(({ job }) => (job?.app === app.name ? [job] : []));
      if (jobs.length > 0) await addToLane(this.#context, lanes.urgent, jobs, times);
    }
  }

  #toJob({ planning, page, members }: DraftedPlan, nonce: string): BatchJob {
    const { seq, size, recipients } = page.batches[0]!;
    const batch: BatchOfJob = {
      dispatchId: planning.dispatchId,
      seq,
      notificationId: planning.notificationId,
      batches: page.batches.length,
      app: planning.app,
      lane: page.lane,
      size,
      nonce,
      trials: null,
      resent: 0,
      generation: 0,
      request: planning.request!,
      dueAt: planning.dueAt,
      deadline: planning.deadline,
    };
    const deviceTokens = new Map(members.map(({ tokenId, deviceToken }) => [tokenId, deviceToken]));
    const ids = decodeRecipients(recipients);
    return toJob(this.#context, batch, null, {
      ids,
      deviceTokens: ids.map((id) => normalizeDeviceToken(deviceTokens.get(id) ?? null)!),
    });
  }
}
