import {
  type BatchJob,
  batchJobId,
  batchJobSchema,
  DeviceTokenList,
  unknownFormat,
} from '@pushfleet/shared/domain/batch-job';
import { type BatchProgress, decodeProgress } from '@pushfleet/shared/domain/batch-progress';
import { WAITING } from '@pushfleet/shared/domain/outcomes';
import { pushHeaders } from '@pushfleet/shared/domain/push-headers';
import { PUSH_TYPES } from '@pushfleet/shared/domain/push-types';
import { decodeRecipients } from '@pushfleet/shared/domain/recipient-list';
import type { AppIdentity } from '../control-verdict.ts';

/** A batch ready to be sent: what its job holds, unpacked. The lists have the recipients of this job only. */
export interface OpenBatch {
  readonly jobId: string;
  readonly job: BatchJob;
  /** Where in the batch each recipient of this job stands, ascending. */
  readonly indexes: readonly number[];
  readonly deviceTokens: Pick<DeviceTokenList, 'at'>;
  readonly tokenIds: readonly string[];
  /** What was known when the job was queued. */
  readonly known: BatchProgress;
  /** The same object for every request of the batch. */
  readonly headers: Readonly<Record<string, string>>;
}

/** Why a job is not for this worker: its format, installation, app, or topic and environment. */
export const REFUSALS = ['format', 'fleet', 'app', 'topic'] as const;
export type Refusal = (typeof REFUSALS)[number];

/**
 * - `refused`: not for this worker, or not yet; it goes back for another one.
 * - `malformed`: nobody can send it. The sentence is shown to people and holds no data of the job.
 */
export type Intake =
  | { readonly kind: 'batch'; readonly batch: OpenBatch }
  | { readonly kind: 'refused'; readonly cause: Refusal; readonly why: string; readonly retryInMs: number }
  | { readonly kind: 'malformed'; readonly sentence: string };

/** Another worker may take it then, and this one is not asked about it all the time. */
const ASKED_AGAIN_MS = 10_000;

/** Decides whether this worker sends what a job holds. `fleet` is the control copy's. */
export function openBatch(jobId: string, data: unknown, identity: AppIdentity, fleet: string): Intake {
  const format = unknownFormat(data);
  if (format !== null)
    return refused('format', `this worker does not know its format ${format}; upgrade the workers`);
  const read = batchJobSchema.safeParse(data);
  if (!read.success) {
    const fields = [...new Set(read.error.issues.map((issue) => issue.path.join('.') || 'the job'))];
    return malformed(`the job does not hold a batch (wrong or missing: ${fields.slice(0, 5).join(', ')})`);
  }
  const job = read.data;
  const ownId = batchJobId(job.dispatch, job.seq, job.generation);
  if (jobId !== ownId)
    return malformed(`this job is a copy of ${ownId}; a copy is never sent. Use replay to send again`);
  if (job.fleet !== fleet) return refused('fleet', 'it is of another installation');
  if (job.app !== identity.app) return refused('app', `it is for app ${job.app}`);
  if (job.environment !== identity.environment || !isTopicOf(job, identity.topic))
    return refused(
      'topic',
      `it is for ${job.topic} in ${job.environment}, this worker sends for ${identity.topic} in ${identity.environment}`,
    );
  return unpack(jobId, job);
}

function unpack(jobId: string, job: BatchJob): Intake {
  try {
    const known = decodeProgress(job.progress);
    const deviceTokens = new DeviceTokenList(job.tokens);
    const tokenIds = decodeRecipients(Buffer.from(job.ids, 'base64'));
    const indexes: number[] = [];
    known.outcomes.forEach((byte, index) => {
      if (byte === WAITING) indexes.push(index);
    });
    if (known.outcomes.length !== job.size) return malformed('the batch and its outcomes differ in length');
    if (deviceTokens.length !== indexes.length || tokenIds.length !== indexes.length)
      return malformed(
        `the batch has ${indexes.length} waiting recipients but ${deviceTokens.length} device tokens and ${tokenIds.length} ids`,
      );
    const batch = { jobId, job, indexes, deviceTokens, tokenIds, known, headers: pushHeaders(job) };
    return { kind: 'batch', batch };
  } catch {
    return malformed('the lists of the batch cannot be unpacked');
  }
}

/** The topic is the app's bundle id with the suffix of the push type. */
function isTopicOf(job: BatchJob, topic: string): boolean {
  const suffix = PUSH_TYPES.get(job.pushType)?.topicSuffix ?? '';
  return job.topic === topic || job.topic === topic + suffix;
}

function refused(cause: Refusal, why: string): Intake {
  return { kind: 'refused', cause, why, retryInMs: ASKED_AGAIN_MS };
}

function malformed(sentence: string): Intake {
  return { kind: 'malformed', sentence };
}
