import { idText, idValue } from './backend-schema.ts';
import { columnNames, unsentCondition } from './column-names.ts';
import type { DueRow, DueWindow } from './due-rows.ts';
import type { StateTables } from './state-tables.ts';
import type { Store } from './store.ts';

/** No such table, no such database, no right to it. */
const UNREADABLE: ReadonlySet<number> = new Set([1146, 1049, 1142, 1143, 1044]);

/**
 * The store as somebody sees it who has the backend's tables alone: where ours are missing or may not be read,
 * empty ones stand in their place.
 */
export async function withReadableTables(store: Store): Promise<{ store: Store; missing: string[] }> {
  const missing: string[] = [];
  const readable = async (table: keyof StateTables, empty: string) => {
    try {
      await store.database.arrays(`SELECT 1 FROM ${store.tables[table]} LIMIT 1`);
      return store.tables[table];
    } catch (error) {
      if (!UNREADABLE.has((error as { errno?: number }).errno ?? 0)) throw error;
      missing.push(`pushfleet_${table}`);
      return `(SELECT ${empty} FROM DUAL WHERE FALSE)`;
    }
  };
  const tables = {
    ...store.tables,
    request: await readable('request', 'NULL AS notification_id, NULL AS options'),
    dispatch: await readable('dispatch', 'NULL AS id, NULL AS notification_id'),
  };
  return { store: { ...store, tables }, missing };
}

/**
 * Due rows that no producer has claimed, page by page in the order of their due times.
 *
 * @param sent rows that are marked sent, in place of unsent ones
 */
export async function* readRowsInWindow(
  store: Store,
  window: DueWindow,
  sent: boolean,
): AsyncGenerator<DueRow[]> {
  const { database, tables, backend } = store;
  const c = columnNames(backend.mapping);
  const unsent = unsentCondition(backend.mapping, 'n');
  const flag = sent ? { sql: `n.${c.sent} = ?`, values: [backend.mapping.notification.sentValue] } : unsent;
  for (let last: DueRow | undefined; ; ) {
    const behind =
      last === undefined
        ? { sql: '', values: [] }
        : {
            sql: `AND (n.${c.due} > ? OR n.${c.notificationId} > ?)`,
            values: [last.due, idValue(backend.notificationId, last.id)],
          };
    const rows = await database.arrays(
      `SELECT n.${c.notificationId}, n.${c.due} FROM ${c.notification} n
         LEFT JOIN ${tables.dispatch} d ON d.notification_id = n.${c.notificationId}
        WHERE ${flag.sql} AND n.${c.due} >= ? AND n.${c.due} <= ? AND d.id IS NULL ${behind.sql}
        ORDER BY n.${c.due}, n.${c.notificationId} LIMIT ${ROWS_AT_ONCE}`,
      [...flag.values, last?.due ?? window.from, window.to, ...behind.values],
    );
    const page = rows.map(([id, due]) => ({ id: idText(id), due: String(due) }));
    if (page.length > 0) yield page;
    if (page.length < ROWS_AT_ONCE) return;
    last = page.at(-1);
  }
}

const ROWS_AT_ONCE = 200;
