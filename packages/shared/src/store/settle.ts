import { pushDispatch } from '../domain/operator-push.ts';
import { CANCELLED, type EXPIRED, tally, WAITING } from '../domain/outcomes.ts';
import { dueInstant, isSameTime, utcDateTime } from '../domain/wall-time.ts';
import { idValue } from './backend-schema.ts';
import { columnNames, unsentCondition } from './column-names.ts';
import { readNotificationRows } from './notification-rows.ts';
import type { Store } from './store.ts';

/**
 * Cancel and expiry end recipients that nobody sends to any more. A byte is only ever raised, so what a
 * worker still tells of them (accepted after all) wins.
 */
const SETTLE_CHUNK = 500;
const DUPLICATE_KEY = 1062;

/**
 * Ends the waiting recipients of a dispatch.
 * @param states batches in these states; queued ones only when no worker will touch them
 * @returns recipients that were ended
 */
export async function settleWaiting(
  store: Store,
  dispatchId: number,
  byte: typeof CANCELLED | typeof EXPIRED,
  states: readonly ('planned' | 'parked' | 'queued')[],
): Promise<number> {
  let ended = 0;
  for (;;) {
    const { settled, recipients } = await settleChunk(store, dispatchId, byte, states);
    ended += recipients;
    if (settled < SETTLE_CHUNK) return ended;
  }
}

async function settleChunk(
  { database, tables }: Store,
  dispatchId: number,
  byte: number,
  states: readonly string[],
): Promise<{ settled: number; recipients: number }> {
  return database.transaction(async (on) => {
    const rows = await on.arrays(
      `SELECT seq, size, outcomes FROM ${tables.batch} WHERE dispatch_id = ? AND state IN (?)
        ORDER BY seq LIMIT ${SETTLE_CHUNK} FOR UPDATE`,
      [dispatchId, states],
    );
    let recipients = 0;
    const untouched: number[] = [];
    for (const [seq, size, stored] of rows) {
      if (stored === null) {
        untouched.push(Number(seq));
        recipients += Number(size);
        continue;
      }
      const outcomes = Buffer.from(stored as Buffer).map((known) => (known === WAITING ? byte : known));
      const counts = tally(outcomes);
      recipients += tally(stored as Buffer).waiting;
      await on.change(
        `UPDATE ${tables.batch} SET outcomes = ?, cancelled = ?, expired = ?, ${SETTLED} WHERE dispatch_id = ? AND seq = ?`,
        [Buffer.from(outcomes), counts.cancelled, counts.expired, dispatchId, Number(seq)],
      );
    }
    if (untouched.length > 0)
      await on.change(
        `UPDATE ${tables.batch} SET outcomes = REPEAT(?, size), ${byte === CANCELLED ? 'cancelled' : 'expired'} = size,
                ${SETTLED} WHERE dispatch_id = ? AND seq IN (?)`,
        [Buffer.of(byte), dispatchId, untouched],
      );
    return { settled: rows.length, recipients };
  });
}

const SETTLED =
  "state = 'settled', settled_at = UTC_TIMESTAMP(3), not_before = NULL, trials = NULL, revision = revision + 1";

/**
 * Stops a dispatch for good: nothing of it is planned or queued any more. What of its audience was not planned
 * by then was never written down, so it is in no count; its error says so.
 * @returns false when it has ended already
 */
export async function cancelDispatch(
  { database, tables }: Store,
  dispatchId: number,
  by: string,
): Promise<boolean> {
  const sentence = `cancelled by ${by}`.slice(0, 800);
  const matched = await database.change(
    `UPDATE ${tables.dispatch} SET error = IF(planned_at IS NULL, ?, ?), state = 'cancelled', fence = fence + 1, owner = NULL,
            lease_until = NULL
      WHERE id = ? AND state IN ('planning', 'sending', 'held')`,
    [
      `${sentence} while its audience was being planned; only the recipients planned by then are counted`,
      sentence,
      dispatchId,
    ],
  );
  return matched === 1;
}

/**
 * Cancels a row that nobody has claimed yet, by claiming it as cancelled: the query for due rows then passes
 * it by. A new due time arms it again.
 *
 * @param lifetimeMs from its due time to its deadline
 * @param last its last round, where it was sent or cancelled before and has a new due time since
 * @returns false when there is no such unsent row, or somebody claimed it meanwhile
 */
export async function cancelUnclaimed(
  store: Store,
  notificationId: string,
  by: string,
  { app, zone, lifetimeMs }: { readonly app: string; readonly zone: string; readonly lifetimeMs: number },
  last: { readonly round: number; readonly dueWall: string } | null,
): Promise<boolean> {
  const { database, tables, backend } = store;
  const [row] = await readNotificationRows(store, [notificationId]);
  const dueAt = row === undefined || !row.unsent ? null : dueInstant(row.due, zone);
  if (row === undefined || dueAt === null) return false;
  if (last !== null && isSameTime(last.dueWall, row.due)) return false;
  try {
    await database.change(
      `INSERT INTO ${tables.dispatch}
         (notification_id, round, app, state, nonce, due_wall, due_at, deadline, claimed_at, finished_at, error)
       VALUES (?, ?, ?, 'cancelled', '', ?, ?, ?, UTC_TIMESTAMP(3), UTC_TIMESTAMP(3), ?)`,
      [
        idValue(backend.notificationId, row.id),
        (last?.round ?? 0) + 1,
        app,
        row.due,
        utcDateTime(dueAt),
        utcDateTime(dueAt + lifetimeMs),
        `cancelled by ${by}`.slice(0, 1_000),
      ],
    );
    return true;
  } catch (error) {
    if ((error as { errno?: number }).errno === DUPLICATE_KEY) return false;
    throw error;
  }
}

/** Cancelled dispatches that still have batches to end. */
export async function readCancelledDispatches({ database, tables }: Store, limit: number): Promise<number[]> {
  const rows = await database.arrays(
    `SELECT id FROM ${tables.dispatch} USE INDEX (by_state) WHERE state = 'cancelled' AND finished_at IS NULL ORDER BY id LIMIT ${limit}`,
  );
  return rows.map(([id]) => Number(id));
}

/** Ends a cancelled dispatch whose last batch is settled. */
export async function finishCancelled({ database, tables }: Store, dispatchId: number): Promise<boolean> {
  const matched = await database.change(
    `UPDATE ${tables.dispatch} d SET d.finished_at = UTC_TIMESTAMP(3)
      WHERE d.id = ? AND d.state = 'cancelled' AND d.finished_at IS NULL
        AND NOT EXISTS (SELECT 1 FROM ${tables.batch} b WHERE b.dispatch_id = d.id AND b.state <> 'settled')`,
    [dispatchId],
  );
  return matched === 1;
}

/** Dispatches past their deadline that are not at their end. */
export async function readOverdueDispatches(
  { database, tables }: Store,
  limit: number,
): Promise<{ dispatchId: number; overdueMs: number }[]> {
  const rows = await database.arrays(
    `SELECT id, TIMESTAMPDIFF(MICROSECOND, deadline, UTC_TIMESTAMP(3)) / 1000 FROM ${tables.dispatch}
      WHERE state IN ('sending', 'held') AND deadline <= UTC_TIMESTAMP(3) LIMIT ${limit}`,
  );
  return rows.map(([id, overdue]) => ({ dispatchId: Number(id), overdueMs: Number(overdue) }));
}

/** Dispatches that are under way although the backend has set `sent` itself: it wants no more of them. */
export async function readForeignSent(store: Store, limit: number): Promise<number[]> {
  const { database, tables, backend } = store;
  const c = columnNames(backend.mapping);
  const unsent = unsentCondition(backend.mapping, 'n');
  const rows = await database.arrays(
    `SELECT d.id FROM ${tables.dispatch} d JOIN ${c.notification} n ON n.${c.notificationId} = d.notification_id
      WHERE d.state IN ('planning', 'sending', 'held') AND d.sent_set_at IS NULL AND NOT (${unsent.sql}) LIMIT ${limit}`,
    unsent.values,
  );
  return rows.map(([id]) => Number(id));
}

/** The running dispatch of a notification, or its last one; that of an operator's push by its name. */
export async function readLastDispatch(
  { database, tables, backend }: Store,
  notificationId: string,
): Promise<{ dispatchId: number; state: string; round: number; dueWall: string } | null> {
  const columns = `SELECT id, state, round, due_wall FROM ${tables.dispatch}`;
  const push = pushDispatch(notificationId);
  let rows: unknown[][] = [];
  if (backend.notificationId.kind !== 'integer' || /^\d{1,19}$/.test(notificationId))
    rows = await database.arrays(`${columns} WHERE notification_id = ? ORDER BY round DESC LIMIT 1`, [
      idValue(backend.notificationId, notificationId),
    ]);
  if (rows[0] === undefined && push !== null)
    rows = await database.arrays(`${columns} WHERE id = ? AND notification_id IS NULL`, [push]);
  if (rows[0] === undefined) return null;
  const [id, state, round, dueWall] = rows[0];
  return { dispatchId: Number(id), state: String(state), round: Number(round), dueWall: String(dueWall) };
}
