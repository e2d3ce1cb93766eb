import { idText } from './backend-schema.ts';
import { columnNames, unsentCondition } from './column-names.ts';
import type { SqlValue } from './database.ts';
import type { Store } from './store.ts';

/** A row that is due: its id and its due time as the backend wrote it (wall time). */
export interface DueRow {
  readonly id: string;
  readonly due: string;
}

/** Bounds as DATETIME text in the backend's wall time, both included. */
export interface DueWindow {
  readonly from: string;
  readonly to: string;
}

/**
 * Unsent rows in the window that were never claimed, in order of their due time or from the newest back.
 * Walks the index on (sent, due).
 */
export async function findDueRows(
  store: Store,
  window: DueWindow,
  limit: number,
  order: 'oldest' | 'newest',
): Promise<DueRow[]> {
  const { sql, values } = dueQuery(store, window, limit, order);
  return readRows(store, sql, values);
}

/** The statement of `findDueRows`, for looking at its plan. */
export function dueQuery(
  { tables, backend }: Store,
  window: DueWindow,
  limit: number,
  order: 'oldest' | 'newest',
): { sql: string; values: SqlValue[] } {
  const c = columnNames(backend.mapping);
  const unsent = unsentCondition(backend.mapping, 'n');
  const direction = order === 'oldest' ? 'ASC' : 'DESC';
  return {
    sql: `SELECT n.${c.notificationId}, n.${c.due} FROM ${c.notification} n
       LEFT JOIN ${tables.dispatch} d ON d.notification_id = n.${c.notificationId}
      WHERE ${unsent.sql} AND n.${c.due} >= ? AND n.${c.due} <= ? AND d.id IS NULL
      ORDER BY n.${c.due} ${direction}, n.${c.notificationId} ${direction} LIMIT ${limit}`,
    values: [...unsent.values, window.from, window.to],
  };
}

/** Unsent rows in the window whose last dispatch has ended while the due time was another: another round. */
export async function findRearmedRows(
  store: Store,
  window: DueWindow,
  limit: number,
  sameDueToo: boolean,
): Promise<(DueRow & { readonly round: number })[]> {
  const { database, tables, backend } = store;
  const c = columnNames(backend.mapping);
  const unsent = unsentCondition(backend.mapping, 'n');
  const rows = await database.arrays(
    `SELECT n.${c.notificationId}, n.${c.due}, d.round FROM ${c.notification} n
       JOIN ${tables.dispatch} d ON d.notification_id = n.${c.notificationId}
      WHERE ${unsent.sql} AND n.${c.due} >= ? AND n.${c.due} <= ? AND d.state IN ('done', 'expired', 'cancelled')
        AND ${sameDueToo ? 'd.sent_set_at IS NOT NULL' : `d.due_wall <> n.${c.due}`}
        AND NOT EXISTS (SELECT 1 FROM ${tables.dispatch} later
                         WHERE later.notification_id = d.notification_id AND later.round > d.round)
      LIMIT ${limit}`,
    [...unsent.values, window.from, window.to],
  );
  return rows.map(([id, due, round]) => ({ id: idText(id), due: String(due), round: Number(round) + 1 }));
}

/** Unsent rows due before the window that nobody ever claimed, counted up to `limit`. */
export async function countTooOldRows(store: Store, before: string, limit: number): Promise<number> {
  const { database, tables, backend } = store;
  const c = columnNames(backend.mapping);
  const unsent = unsentCondition(backend.mapping, 'n');
  const rows = await database.arrays(
    `SELECT COUNT(*) FROM (
       SELECT 1 FROM ${c.notification} n LEFT JOIN ${tables.dispatch} d ON d.notification_id = n.${c.notificationId}
        WHERE ${unsent.sql} AND n.${c.due} < ? AND d.id IS NULL LIMIT ${limit}) old`,
    [...unsent.values, before],
  );
  return Number(rows[0]![0]);
}

async function readRows(store: Store, sql: string, values: SqlValue[]): Promise<DueRow[]> {
  const rows = await store.database.arrays(sql, values);
  return rows.map(([id, due]) => ({ id: idText(id), due: String(due) }));
}
