import { z } from 'zod';

/** The format of jobs and results that this program reads and writes. */
const FORMAT = 1;

/** What a lane's job holds: one batch, or what still waits of it. Everything a worker needs, and no more. */
export const batchJobSchema = z.object({
  /** Format of this job; a worker hands back what it does not know. */
  v: z.literal(FORMAT),
  fleet: z.string(),
  dispatch: z.int(),
  seq: z.int(),
  generation: z.int(),
  /** Random per planning: a batch planned again after MySQL lost it is another batch. */
  nonce: z.string(),
  notificationId: z.string(),
  /** Batches of the dispatch that were planned by then, for people who read the job. */
  batches: z.int(),
  app: z.string(),
  lane: z.enum(['urgent', 'bulk']),
  topic: z.string(),
  environment: z.enum(['production', 'sandbox']),
  pushType: z.string(),
  priority: z.int(),
  expiration: z.int().nullable(),
  collapseId: z.string(),
  payload: z.string(),
  /** Milliseconds since 1970. */
  dueAt: z.int(),
  deadline: z.int(),
  /** Recipients of the whole batch; `tokens` and `ids` hold those that wait in `progress`. */
  size: z.int().min(1),
  tokens: z.base64(),
  ids: z.base64(),
  progress: z.string(),
});
export type BatchJob = z.output<typeof batchJobSchema>;

/** What a worker tells of one batch; the recorder merges it into MySQL. */
export const batchResultSchema = z.object({
  /** Format of this result; a producer hands back what it does not know. */
  v: z.literal(FORMAT),
  fleet: z.string(),
  dispatch: z.int(),
  seq: z.int(),
  generation: z.int(),
  nonce: z.string(),
  app: z.string(),
  worker: z.string(),
  progress: z.string(),
  /** True: the job is over and nobody works on this generation any more. */
  ended: z.boolean(),
});
export type BatchResult = z.output<typeof batchResultSchema>;

/** The format that a job or result says it has, where this program does not know it; else null. */
export function unknownFormat(data: unknown): number | null {
  const version = typeof data === 'object' && data !== null && 'v' in data ? data.v : undefined;
  return typeof version === 'number' && version !== FORMAT ? version : null;
}

export function batchKey(dispatch: number, seq: number): string {
  return `b-${dispatch}-${seq}`;
}

export function batchJobId(dispatch: number, seq: number, generation: number): string {
  return `b-${dispatch}-${seq}-${generation}`;
}

/** The batch that a job's id names; null for an id of another kind. */
export function batchOfJobId(id: string): { dispatch: number; seq: number; generation: number } | null {
  return batchNamedBy(/^b-(\d+)-(\d+)-(\d+)$/, id);
}

/** Unique, and it names its batch: the reconciler reads ids only. */
export function resultJobId(
  result: { dispatch: number; seq: number; generation: number },
  unique: string,
): string {
  return `r-${result.dispatch}-${result.seq}-${result.generation}-${unique}`;
}

/** The batch that a result's id names; null for an id of another kind. */
export function batchOfResultId(id: string): { dispatch: number; seq: number; generation: number } | null {
  return batchNamedBy(/^r-(\d+)-(\d+)-(\d+)-/, id);
}

function batchNamedBy(pattern: RegExp, id: string) {
  const match = pattern.exec(id);
  if (match === null) return null;
  return { dispatch: Number(match[1]), seq: Number(match[2]), generation: Number(match[3]) };
}

/** Device tokens (lower-case hex) as base64 of their raw bytes, each behind its length: a third smaller. */
export function packDeviceTokens(deviceTokens: readonly string[]): string {
  const bytes = Buffer.allocUnsafe(deviceTokens.reduce((sum, hex) => sum + 1 + hex.length / 2, 0));
  let at = 0;
  for (const hex of deviceTokens) {
    bytes[at] = hex.length / 2;
    at += 1 + bytes.write(hex, at + 1, 'hex');
  }
  return bytes.toString('base64');
}

/** Packed device tokens, each made a string when it is asked for: all at once they would outlive a garbage collection. */
export class DeviceTokenList {
  readonly #bytes: Buffer;
  readonly #ends: number[] = [];

  constructor(packed: string) {
    this.#bytes = Buffer.from(packed, 'base64');
    for (let at = 0; at < this.#bytes.length; ) {
      at += 1 + this.#bytes[at]!;
      this.#ends.push(at);
    }
  }

  get length(): number {
    return this.#ends.length;
  }

  /** Lower-case hex. `position` counts from 0. */
  at(position: number): string {
    const start = position === 0 ? 0 : this.#ends[position - 1]!;
    return this.#bytes.toString('hex', start + 1, this.#ends[position]);
  }
}
