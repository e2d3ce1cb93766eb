import { idText } from './backend-schema.ts';
import { columnNames, unsentCondition } from './column-names.ts';
import type { SqlValue } from './database.ts';
import type { DueWindow } from './due-rows.ts';
import type { Store } from './store.ts';

/** A row that we have sent, and whose `sent` somebody has set back since without a new due time. */
export interface SentReset {
  readonly dispatchId: number;
  readonly notificationId: string;
}

/** Those among these dispatches, each the last round of its row. */
export async function readSentResets(store: Store, dispatchIds: readonly number[]): Promise<SentReset[]> {
  if (dispatchIds.length === 0) return [];
  return find(store, 'd.id IN (?)', [dispatchIds], dispatchIds.length);
}

/** Those whose due time is in the window: what PUSHFLEET_ON_SENT_RESET=resend would send again. */
export async function findSentResets(store: Store, window: DueWindow, limit: number): Promise<SentReset[]> {
  const due = `n.${columnNames(store.backend.mapping).due}`;
  return find(store, `${due} >= ? AND ${due} <= ?`, [window.from, window.to], limit);
}

async function find(
  { database, tables, backend }: Store,
  where: string,
  values: readonly SqlValue[],
  limit: number,
): Promise<SentReset[]> {
  const c = columnNames(backend.mapping);
  const unsent = unsentCondition(backend.mapping, 'n');
  const rows = await database.arrays(
    `SELECT d.id, n.${c.notificationId} FROM ${c.notification} n
       JOIN ${tables.dispatch} d ON d.notification_id = n.${c.notificationId}
      WHERE ${unsent.sql} AND ${where} AND d.state IN ('done', 'expired') AND d.sent_set_at IS NOT NULL AND d.due_wall = n.${c.due}
        AND NOT EXISTS (SELECT 1 FROM ${tables.dispatch} later
                         WHERE later.notification_id = d.notification_id AND later.round > d.round)
      LIMIT ${limit}`,
    [...unsent.values, ...values],
  );
  return rows.map(([dispatchId, id]) => ({ dispatchId: Number(dispatchId), notificationId: idText(id) }));
}
