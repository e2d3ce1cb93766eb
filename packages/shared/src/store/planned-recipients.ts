import type { Store } from './store.ts';

/** The token ids that are planned already, batch by batch: a take-over learns from them whom not to take again. */
export async function* readPlannedRecipients(
  { database, tables }: Store,
  dispatchId: number,
): AsyncGenerator<Buffer[]> {
  for (let after = -1; ; ) {
    const rows = await database.arrays(
      `SELECT seq, recipients FROM ${tables.batch} WHERE dispatch_id = ? AND seq > ? ORDER BY seq LIMIT 10`,
      [dispatchId, after],
    );
    if (rows.length === 0) return;
    yield rows.map(([, recipients]) => recipients as Buffer);
    after = Number(rows.at(-1)![0]);
  }
}

/** The recipients of batches of a dispatch whose ids may lie in this range (`idRange` bytes). */
export async function readRecipientsBetween(
  { database, tables }: Store,
  dispatchId: number,
  first: Buffer,
  last: Buffer,
): Promise<Buffer[]> {
  const rows = await database.arrays(
    `SELECT recipients FROM ${tables.batch} WHERE dispatch_id = ? AND last_id >= ? AND first_id <= ?`,
    [dispatchId, first, last],
  );
  return rows.map(([recipients]) => recipients as Buffer);
}
