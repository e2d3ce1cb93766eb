import type { Store } from './store.ts';

/** A batch that MySQL calls queued. */
export interface QueuedBatch {
  readonly dispatchId: number;
  readonly seq: number;
  readonly generation: number;
  readonly revision: number;
  readonly nonce: string;
}

/** Batches that were queued at least `minAgeMs` ago and are not settled, oldest first. */
export async function readLongQueued(
  { database, tables }: Store,
  app: string,
  minAgeMs: number,
  limit: number,
): Promise<QueuedBatch[]> {
  const rows = await database.arrays(
    `SELECT dispatch_id, seq, generation, revision, nonce FROM ${tables.batch}
      WHERE state = 'queued' AND queued_at <= UTC_TIMESTAMP(3) - INTERVAL ${Math.floor(minAgeMs * 1000)} MICROSECOND AND app = ?
      ORDER BY queued_at LIMIT ${limit}`,
    [app],
  );
  return rows.map(([dispatchId, seq, generation, revision, nonce]) => ({
    dispatchId: Number(dispatchId),
    seq: Number(seq),
    generation: Number(generation),
    revision: Number(revision),
    nonce: String(nonce),
  }));
}

/**
 * Parks batches that Redis has lost, ready to be queued again at once with the next generation. Whatever
 * was recorded since the batch was listed (its revision is another) means that it was not lost.
 */
export async function parkLost(
  { database, tables }: Store,
  lost: readonly QueuedBatch[],
): Promise<QueuedBatch[]> {
  const parked: QueuedBatch[] = [];
  for (const batch of lost) {
    const matched = await database.change(
      `UPDATE ${tables.batch} SET state = 'parked', not_before = UTC_TIMESTAMP(3), revision = revision + 1
        WHERE dispatch_id = ? AND seq = ? AND state = 'queued' AND revision = ?`,
      [batch.dispatchId, batch.seq, batch.revision],
    );
    if (matched === 1) parked.push(batch);
  }
  return parked;
}
