import type { Store } from './store.ts';

/** Recipients of an app that are planned and not settled, by the sizes of their batches. */
export async function readBacklog({ database, tables }: Store, app: string): Promise<number> {
  const rows = await database.arrays(
    `SELECT COALESCE(SUM(size), 0) FROM ${tables.batch} WHERE app = ? AND lane IN ('urgent', 'bulk') AND state IN ('planned', 'parked', 'queued')`,
    [app],
  );
  return Number(rows[0]![0]);
}
