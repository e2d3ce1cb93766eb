import type { SqlValue, Statements } from './database.ts';

/** MariaDB only. MySQL takes it for a comment, since it has no wait shorter than a second. */
const WITHOUT_WAITING = '/*M! SET STATEMENT innodb_lock_wait_timeout = 0 FOR */';

/**
 * Updates rows of the backend's which this transaction holds. The rows are ours, but entries of a secondary index
 * on the changed column may be somebody's who walks that index, and that somebody waits for our rows: we would
 * wait for each other, and InnoDB might roll back the backend. So these are not waited for either.
 *
 * @param update statement without its condition, with `values`
 * @param key quoted name of the primary key
 * @returns the keys of the rows that were updated; the others are to be tried again later
 */
export async function updateLockedRows<Key extends SqlValue>(
  on: Statements,
  { update, values, key }: { update: string; values: readonly SqlValue[]; key: string },
  keys: readonly Key[],
): Promise<readonly Key[]> {
  const sql = `${WITHOUT_WAITING} ${update} WHERE ${key} IN (?)`;
  if (keys.length === 0 || (await isUpdated(on, sql, [...values, keys]))) return keys;
  const updated: Key[] = [];
  for (const one of keys) if (await isUpdated(on, sql, [...values, [one]])) updated.push(one);
  return updated;
}

async function isUpdated(on: Statements, sql: string, values: readonly SqlValue[]): Promise<boolean> {
  await on.change('SAVEPOINT before_update');
  try {
    await on.change(sql, values);
    return true;
  } catch (error) {
    if ((error as { errno?: number }).errno !== 1205) throw error;
    // Fails where innodb_rollback_on_timeout has rolled back everything: what follows must not stand alone.
    await on.change('ROLLBACK TO SAVEPOINT before_update');
    return false;
  }
}
