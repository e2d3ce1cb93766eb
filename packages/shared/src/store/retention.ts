import { idText } from './backend-schema.ts';
import { columnNames, unsentCondition } from './column-names.ts';
import type { SqlValue, Statements } from './database.ts';
import type { Store } from './store.ts';

/** Most rows of one table that one transaction removes. */
const ROWS_AT_ONCE = 500;
/** Dispatches that one look reads by their primary key. */
const DISPATCHES_AT_ONCE = 200;

export interface RetentionRules {
  /** Milliseconds since a dispatch or a command ended. */
  readonly ageMs: number;
  /** How far back due rows are looked for, in milliseconds. */
  readonly windowMs: number;
}

/** Of dispatches in the order of their ids: which may go, and where the next look goes on. */
export interface OldDispatches {
  readonly ids: readonly number[];
  /** The last one that was looked at; 0: those behind it are younger, the next look begins at the first. */
  readonly next: number;
}

/**
 * Ended dispatches of that age that hold no claim any more. A dispatch is what keeps a row from being due:
 * it goes only where the row is sent or gone, or has been out of the window for as long as the window is, and
 * never before an earlier round of the same row or while a retirement of it waits.
 */
export async function readOldDispatches(
  store: Store,
  { ageMs, windowMs }: RetentionRules,
  after: number,
): Promise<OldDispatches> {
  const { database, tables } = store;
  // By the key and few of them: those that stay, because they hold a claim, are walked over in small steps.
  const rows = await database.arrays(
    `SELECT d.id, d.notification_id, d.claimed_at > ${ago(ageMs)}, d.finished_at <= ${ago(ageMs)}, d.due_at <= ${ago(2 * windowMs)}
       FROM ${tables.dispatch} d WHERE d.id > ? ORDER BY d.id LIMIT ${DISPATCHES_AT_ONCE}`,
    [after],
  );
  const firstYoung = rows.findIndex(([, , isYoung]) => Number(isYoung) === 1);
  const walked = firstYoung < 0 ? rows : rows.slice(0, firstYoung);
  const isThrough = firstYoung >= 0 || rows.length < DISPATCHES_AT_ONCE;
  const ended = walked.filter(([, , , isOld]) => Number(isOld) === 1);
  const doubtful = ended.filter(([, id, , , isPast]) => id !== null && Number(isPast) !== 1);
  const claiming = await readUnsent(
    store,
    database,
    doubtful.map(([, id]) => id as SqlValue),
  );
  const free = ended.filter(([, id, , , isPast]) => Number(isPast) === 1 || !claiming.has(idText(id)));
  return {
    ids: free.map(([id]) => Number(id)),
    next: isThrough || walked.length === 0 ? 0 : Number(walked.at(-1)![0]),
  };
}

/**
 * Removes one part of a dispatch: outcomes first, then retirements, then batches, and the dispatch itself when
 * nothing is left of it, with the options of its notification where that needs them no more.
 *
 * @returns `part`: there is more of it; `gone`; `kept`: somebody holds it at this moment, or it is no longer old
 */
export async function removeDispatchPart(
  store: Store,
  dispatchId: number,
  rules: RetentionRules,
): Promise<'part' | 'gone' | 'kept'> {
  const { database, tables } = store;
  return database.transaction(async (on) => {
    const [dispatch] = await on.arrays(
      `SELECT notification_id, finished_at <= ${ago(rules.ageMs)}, due_at <= ${ago(2 * rules.windowMs)}, round FROM ${tables.dispatch}
        WHERE id = ? FOR UPDATE SKIP LOCKED`,
      [dispatchId],
    );
    if (dispatch === undefined || Number(dispatch[1]) !== 1) return 'kept';
    const notificationId = dispatch[0] as SqlValue;
    const isUnsent =
      notificationId !== null && (await readUnsent(store, on, [notificationId])).has(idText(notificationId));
    if (isUnsent && Number(dispatch[2]) !== 1) return 'kept';
    if (notificationId !== null && (await hasEarlierRound(store, on, notificationId, Number(dispatch[3]))))
      return 'kept';
    const waits = await on.arrays(
      `SELECT 1 FROM ${tables.retirement} WHERE dispatch_id = ? AND state = 'pending' LIMIT 1`,
      [dispatchId],
    );
    if (waits.length > 0) return 'kept';
    for (const [table, key] of [
      [tables.outcome, 'token_id'],
      [tables.retirement, 'token_id'],
      [tables.batch, 'seq'],
    ] as const) {
      const found = await on.arrays(
        `SELECT ${key} FROM ${table} WHERE dispatch_id = ? ORDER BY ${key} LIMIT ${ROWS_AT_ONCE} FOR UPDATE SKIP LOCKED`,
        [dispatchId],
      );
      if (found.length > 0) {
        await on.change(`DELETE FROM ${table} WHERE dispatch_id = ? AND ${key} IN (?)`, [
          dispatchId,
          found.map(([value]) => value as SqlValue),
        ]);
        return 'part';
      }
      // Held by somebody at this moment: none is left behind without its dispatch.
      const left = await on.arrays(`SELECT 1 FROM ${table} WHERE dispatch_id = ? LIMIT 1`, [dispatchId]);
      if (left.length > 0) return 'kept';
    }
    if (notificationId !== null && !isUnsent && !(await removeRequest(store, on, notificationId, dispatchId)))
      return 'kept';
    await on.change(`DELETE FROM ${tables.dispatch} WHERE id = ?`, [dispatchId]);
    return 'gone';
  });
}

/** Operators' commands that were carried out longer ago. @returns how many went */
export async function removeOldCommands(
  { database, tables }: Store,
  { ageMs }: RetentionRules,
): Promise<number> {
  return database.transaction(async (on) => {
    const rows = await on.arrays(
      `SELECT id FROM ${tables.command} WHERE executed_at <= ${ago(ageMs)} ORDER BY executed_at, id
        LIMIT ${ROWS_AT_ONCE} FOR UPDATE SKIP LOCKED`,
    );
    if (rows.length === 0) return 0;
    return on.change(`DELETE FROM ${tables.command} WHERE id IN (?)`, [rows.map(([id]) => Number(id))]);
  });
}

/**
 * The options go with the last round; those of a row that is still unsent stay, it may get a new due time.
 * @returns false when somebody holds them at this moment
 */
async function removeRequest(
  { tables }: Store,
  on: Statements,
  notificationId: SqlValue,
  dispatchId: number,
): Promise<boolean> {
  const others = await on.arrays(
    `SELECT 1 FROM ${tables.dispatch} WHERE notification_id = ? AND id <> ? LIMIT 1`,
    [notificationId, dispatchId],
  );
  if (others.length > 0) return true;
  const select = `SELECT 1 FROM ${tables.request} WHERE notification_id = ?`;
  const held = await on.arrays(`${select} FOR UPDATE SKIP LOCKED`, [notificationId]);
  if (held.length === 0) return (await on.arrays(select, [notificationId])).length === 0;
  await on.change(`DELETE FROM ${tables.request} WHERE notification_id = ?`, [notificationId]);
  return true;
}

async function hasEarlierRound(
  { tables }: Store,
  on: Statements,
  notificationId: SqlValue,
  round: number,
): Promise<boolean> {
  const rows = await on.arrays(
    `SELECT 1 FROM ${tables.dispatch} WHERE notification_id = ? AND round < ? LIMIT 1`,
    [notificationId, round],
  );
  return rows.length > 0;
}

/** Which of these rows are still to be sent, as far as the backend is concerned. A plain read: it waits for nobody. */
async function readUnsent(
  { backend }: Store,
  on: Statements,
  notificationIds: readonly SqlValue[],
): Promise<Set<string>> {
  if (notificationIds.length === 0) return new Set();
  const c = columnNames(backend.mapping);
  const unsent = unsentCondition(backend.mapping, 'n');
  const rows = await on.arrays(
    `SELECT n.${c.notificationId} FROM ${c.notification} n WHERE n.${c.notificationId} IN (?) AND ${unsent.sql}`,
    [notificationIds, ...unsent.values],
  );
  return new Set(rows.map(([id]) => idText(id)));
}

function ago(ms: number): string {
  return `UTC_TIMESTAMP(3) - INTERVAL ${Math.floor(ms * 1_000)} MICROSECOND`;
}
