import type { BatchProgress } from '../domain/batch-progress.ts';
import { storedProgress } from './record.ts';
import type { Store } from './store.ts';

/** A batch that MySQL calls queued. */
export interface QueuedBatch {
  readonly dispatchId: number;
  readonly seq: number;
  readonly generation: number;
  readonly revision: number;
  readonly nonce: string;
}

/** Where the list of queued batches goes on. */
export type LongQueuedBatch = QueuedBatch & { readonly queuedAt: string };

/**
 * Batches that were queued at least `minAgeMs` ago and are not settled, oldest first.
 *
 * @param after the last one of the page before
 */
export async function readLongQueued(
  { database, tables }: Store,
  app: string,
  minAgeMs: number,
  limit: number,
  after?: LongQueuedBatch,
): Promise<LongQueuedBatch[]> {
  const further =
    after === undefined
      ? ''
      : 'AND queued_at >= ? AND (queued_at > ? OR dispatch_id > ? OR (dispatch_id = ? AND seq > ?))';
  const rows = await database.arrays(
    `SELECT dispatch_id, seq, generation, revision, nonce, queued_at FROM ${tables.batch}
      WHERE state = 'queued' AND queued_at <= UTC_TIMESTAMP(3) - INTERVAL ${Math.floor(minAgeMs * 1000)} MICROSECOND AND app = ?
        ${further} ORDER BY queued_at, dispatch_id, seq LIMIT ${limit}`,
    after === undefined
      ? [app]
      : [app, after.queuedAt, after.queuedAt, after.dispatchId, after.dispatchId, after.seq],
  );
  return rows.map((row) => ({ ...toQueued(row), queuedAt: String(row[5]) }));
}

export type BatchInRedis = QueuedBatch & {
  readonly app: string;
  readonly settled: boolean;
  /** Milliseconds since it was marked queued, by MySQL's clock. */
  readonly queuedForMs: number;
};

/** Batches of a dispatch that have a job in Redis: queued ones, and settled ones that somebody could retry there. */
export async function readBatchesInRedis(
  { database, tables }: Store,
  dispatchId: number,
): Promise<BatchInRedis[]> {
  const rows = await database.arrays(
    `SELECT dispatch_id, seq, generation, revision, nonce, app, state = 'settled',
            TIMESTAMPDIFF(MICROSECOND, queued_at, UTC_TIMESTAMP(3)) / 1000 FROM ${tables.batch}
      WHERE dispatch_id = ? AND (state = 'queued' OR (state = 'settled' AND failed > 0))`,
    [dispatchId],
  );
  return rows.map((row) => ({
    ...toQueued(row),
    app: String(row[5]),
    settled: Number(row[6]) === 1,
    queuedForMs: Number(row[7]),
  }));
}

/** What MySQL says of a batch that has a job in Redis. */
export interface StoredBatch extends QueuedBatch {
  readonly state: string;
  /** Recipients that have their outcome. */
  readonly settled: number;
  /** Some of them failed: a person may retry them in Bull Board. */
  readonly hasFailed: boolean;
}

/** By `dispatch-seq`; those that MySQL does not know are missing. */
export async function readStoredBatches(
  { database, tables }: Store,
  batches: readonly { readonly dispatch: number; readonly seq: number }[],
): Promise<Map<string, StoredBatch>> {
  const stored = new Map<string, StoredBatch>();
  for (let from = 0; from < batches.length; from += 100) {
    const page = batches.slice(from, from + 100);
    const rows = await database.arrays(
      `SELECT dispatch_id, seq, generation, revision, nonce, state,
          accepted + rejected + retired + expired + cancelled + failed, failed > 0 FROM ${tables.batch}
        WHERE ${page.map(() => '(dispatch_id = ? AND seq = ?)').join(' OR ')}`,
      page.flatMap(({ dispatch, seq }) => [dispatch, seq]),
    );
    for (const row of rows)
      stored.set(`${row[0]}-${row[1]}`, {
        ...toQueued(row),
        state: String(row[5]),
        settled: Number(row[6]),
        hasFailed: Number(row[7]) === 1,
      });
  }
  return stored;
}

function toQueued([dispatchId, seq, generation, revision, nonce]: unknown[]): QueuedBatch {
  return {
    dispatchId: Number(dispatchId),
    seq: Number(seq),
    generation: Number(generation),
    revision: Number(revision),
    nonce: String(nonce),
  };
}

/**
 * Parks batches that Redis has lost, ready to be queued again at once with the next generation. Whatever
 * was recorded since the batch was listed (its revision is another) means that it was not lost.
 *
 * @param pauseMs until they are queued again
 */
export async function parkLost(
  { database, tables }: Store,
  lost: readonly QueuedBatch[],
  pauseMs = 0,
): Promise<QueuedBatch[]> {
  const parked: QueuedBatch[] = [];
  for (const batch of lost) {
    const matched = await database.change(
      `UPDATE ${tables.batch} SET state = 'parked', not_before = UTC_TIMESTAMP(3) + INTERVAL ${Math.floor(pauseMs * 1000)} MICROSECOND, revision = revision + 1
        WHERE dispatch_id = ? AND seq = ? AND state = 'queued' AND revision = ?`,
      [batch.dispatchId, batch.seq, batch.revision],
    );
    if (matched === 1) parked.push(batch);
  }
  return parked;
}

/** What MySQL knows of a batch; null where it is gone or was planned anew since it was listed. */
export async function readBatchProgress(
  { database, tables }: Store,
  batch: QueuedBatch,
): Promise<BatchProgress | null> {
  const [row] = await database.arrays(
    `SELECT size, outcomes, trials, resent FROM ${tables.batch} WHERE dispatch_id = ? AND seq = ? AND nonce = ?`,
    [batch.dispatchId, batch.seq, batch.nonce],
  );
  if (row === undefined) return null;
  const [size, outcomes, trials, resent] = row;
  return storedProgress(
    Number(size),
    outcomes as Buffer | null,
    trials === null ? null : String(trials),
    Number(resent),
  );
}
