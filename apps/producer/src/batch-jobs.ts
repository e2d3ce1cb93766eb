import { type BatchJob, packDeviceTokens } from '@pushfleet/shared/domain/batch-job';
import { encodeProgress } from '@pushfleet/shared/domain/batch-progress';
import type { Lane } from '@pushfleet/shared/domain/lanes';
import { pushName } from '@pushfleet/shared/domain/operator-push';
import {
  defaultCollapseId,
  type PushRequest,
  pushRequestSchema,
} from '@pushfleet/shared/domain/push-request';
import { encodeRecipients } from '@pushfleet/shared/domain/recipient-list';
import { utcInstant } from '@pushfleet/shared/domain/wall-time';
import type { ReadyBatch } from '@pushfleet/shared/store/ready-batches';
import { storedProgress } from '@pushfleet/shared/store/record';
import type { ProducerContext } from './producer-context.ts';

/** Those of a batch who wait, in its order. Two lists, since an object for each would outlive a collection. */
export interface WaitingRecipients {
  readonly ids: string[];
  readonly deviceTokens: string[];
}

/** What a job says of its batch. */
export type BatchOfJob = Omit<ReadyBatch, 'recipients' | 'outcomes' | 'revision'>;

/**
 * The job of a batch: its next generation.
 *
 * @param outcomes a byte per recipient of the batch; null: all wait
 */
export function toJob(
  { fleet, store }: ProducerContext,
  batch: BatchOfJob,
  outcomes: Buffer | null,
  waiting: WaitingRecipients,
): BatchJob {
  const request = frozenRequest(batch);
  const idKind = batch.notificationId === null ? 'text' : store.backend.tokenId.kind;
  return {
    v: 1,
    fleet,
    dispatch: batch.dispatchId,
    seq: batch.seq,
    generation: batch.generation + 1,
    nonce: batch.nonce,
    notificationId: batch.notificationId ?? pushName(batch.dispatchId),
    batches: batch.batches,
    app: batch.app,
    lane: batch.lane as Lane,
    topic: request.topic,
    environment: request.environment,
    pushType: request.pushType,
    priority: request.priority,
    expiration: request.expiration,
    collapseId: request.collapseId ?? defaultCollapseId(fleet, batch.dispatchId),
    payload: request.payload,
    dueAt: utcInstant(batch.dueAt),
    deadline: utcInstant(batch.deadline),
    size: batch.size,
    tokens: packDeviceTokens(waiting.deviceTokens),
    ids: encodeRecipients(idKind, waiting.ids).toString('base64'),
    progress: encodeProgress(storedProgress(batch.size, outcomes, batch.trials, batch.resent)),
  };
}

export function frozenRequest({ request }: Pick<ReadyBatch, 'request'>): PushRequest {
  return pushRequestSchema.parse(JSON.parse(request));
}
