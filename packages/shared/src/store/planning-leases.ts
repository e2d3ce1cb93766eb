import { leaseEnd } from './claims.ts';
import type { Store } from './store.ts';

/** Keeps what this producer plans: one statement for all of it. */
export async function renewLeases({ database, tables }: Store, owner: string): Promise<void> {
  await database.change(
    `UPDATE ${tables.dispatch} SET lease_until = ${leaseEnd()} WHERE owner = ? AND state IN ('planning', 'held')`,
    [owner],
  );
}

/**
 * Takes over what a silent producer was planning. The fence shuts the former owner out; the new nonce
 * tells batches planned from now on from any that MySQL may have lost.
 */
export async function takeOverPlannings(
  { database, tables }: Store,
  owner: string,
  nonce: string,
  limit: number,
): Promise<number> {
  // Found without locks first: an UPDATE by state would wait for every row that another producer is at.
  const expired = await database.arrays(
    `SELECT id FROM ${tables.dispatch} WHERE state IN ('planning', 'held') AND lease_until < UTC_TIMESTAMP(3) LIMIT ${limit}`,
  );
  if (expired.length === 0) return 0;
  return database.change(
    `UPDATE ${tables.dispatch} SET owner = ?, nonce = ?, fence = fence + 1, lease_until = ${leaseEnd()}
      WHERE id IN (?) AND state IN ('planning', 'held') AND lease_until < UTC_TIMESTAMP(3)`,
    [owner, nonce, expired.map(([id]) => Number(id))],
  );
}

/** Lets go of what this producer was planning, so that another goes on at once. */
export async function releasePlannings({ database, tables }: Store, owner: string): Promise<void> {
  await database.change(
    `UPDATE ${tables.dispatch} SET lease_until = UTC_TIMESTAMP(3) - INTERVAL 1 SECOND WHERE owner = ? AND state IN ('planning', 'held')`,
    [owner],
  );
}
