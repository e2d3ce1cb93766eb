import { quoteName } from '../domain/schema-mapping.ts';
import { idText, idValue } from './backend-schema.ts';
import { columnNames } from './column-names.ts';
import type { Statements } from './database.ts';
import type { Store } from './store.ts';
import { updateLockedRows } from './update-locked-rows.ts';

/** A dispatch of which every batch is settled. */
interface FinishedDispatch {
  readonly dispatchId: number;
  readonly notificationId: string | null;
  readonly expired: boolean;
}

/** Which sending dispatches are looked at: the given ones, or all behind one. */
export type Among = { readonly ids: readonly number[] } | { readonly after: number };

/**
 * Dispatches under way without an open batch that nobody plans any more (what is planned has an owner), in the order
 * of their ids. The index is named because that order would make the server walk all dispatches that ever were.
 */
export async function readFinishedDispatches(
  { database, tables }: Store,
  among: Among,
  limit: number,
): Promise<FinishedDispatch[]> {
  if ('ids' in among && among.ids.length === 0) return [];
  const rows = await database.arrays(
    `SELECT d.id, d.notification_id,
            EXISTS (SELECT 1 FROM ${tables.batch} x WHERE x.dispatch_id = d.id AND x.expired > 0)
       FROM ${tables.dispatch} d ${'ids' in among ? '' : 'USE INDEX (by_state)'}
      WHERE d.state IN ('sending', 'held') AND d.owner IS NULL AND ${'ids' in among ? 'd.id IN (?)' : 'd.id > ?'}
        AND NOT EXISTS (SELECT 1 FROM ${tables.batch} b WHERE b.dispatch_id = d.id AND b.state <> 'settled')
      ORDER BY d.id LIMIT ${limit}`,
    ['ids' in among ? among.ids : among.after],
  );
  return rows.map(([id, notificationId, expired]) => ({
    dispatchId: Number(id),
    notificationId: notificationId === null ? null : idText(notificationId),
    expired: Number(expired) === 1,
  }));
}

/**
 * Ends dispatches and sets `sent` in the same transaction. Rows that the backend holds locked are left
 * for the next time: we never wait for its locks. Rows that it deleted end without.
 *
 * @returns the dispatches that ended now
 */
export async function completeDispatches(
  store: Store,
  finished: readonly FinishedDispatch[],
  sentAt: string,
): Promise<number[]> {
  if (finished.length === 0) return [];
  const { database, tables } = store;
  return database.transaction(async (on) => {
    const held = await on.arrays(
      `SELECT id FROM ${tables.dispatch} WHERE id IN (?) AND state IN ('sending', 'held') ORDER BY id FOR UPDATE`,
      [finished.map(({ dispatchId }) => dispatchId)],
    );
    const mine = held.map(([id]) => Number(id));
    const reopened = await reopenedSince(store, on, mine);
    const candidates = finished.filter(
      ({ dispatchId }) => mine.includes(dispatchId) && !reopened.has(dispatchId),
    );
    const free = await lockNotifications(store, on, candidates);
    const stateOf = ({ notificationId }: FinishedDispatch) =>
      notificationId === null ? 'gone' : free.get(notificationId);
    const set = await setSent(
      store,
      on,
      candidates.filter((one) => stateOf(one) === 'free').map(({ notificationId }) => notificationId!),
      sentAt,
    );
    const ended = candidates.filter(
      (one) => stateOf(one) === 'gone' || (one.notificationId !== null && set.has(one.notificationId)),
    );
    for (const state of ['done', 'expired'] as const) {
      const ids = ended
        .filter(({ expired }) => expired === (state === 'expired'))
        .map(({ dispatchId }) => dispatchId);
      if (ids.length > 0)
        await on.change(
          `UPDATE ${tables.dispatch} SET state = ?, finished_at = UTC_TIMESTAMP(3), sent_set_at = IF(notification_id IS NULL, NULL, UTC_TIMESTAMP(3)) WHERE id IN (?)`,
          [state, ids],
        );
    }
    return ended.map(({ dispatchId }) => dispatchId);
  });
}

/** @returns the notifications of which it is set now */
async function setSent(
  { backend }: Store,
  on: Statements,
  ids: readonly string[],
  sentAt: string,
): Promise<Set<string>> {
  const c = columnNames(backend.mapping);
  const { sentValue, sentAt: sentAtColumn } = backend.mapping.notification;
  const withTime = sentAtColumn !== null;
  const updated = await updateLockedRows(
    on,
    {
      update: `UPDATE ${c.notification} SET ${c.sent} = ?${withTime ? `, ${quoteName(sentAtColumn)} = ?` : ''}`,
      values: withTime ? [sentValue, sentAt] : [sentValue],
      key: c.notificationId,
    },
    ids.map((id) => idValue(backend.notificationId, id)),
  );
  return new Set(updated.map(idText));
}

/** Ended by another producer, and opened by a replay, since they were listed. Seen only under their locks. */
async function reopenedSince(
  { tables }: Store,
  on: Statements,
  dispatchIds: readonly number[],
): Promise<Set<number>> {
  if (dispatchIds.length === 0) return new Set();
  const rows = await on.arrays(
    `SELECT DISTINCT dispatch_id FROM ${tables.batch} WHERE dispatch_id IN (?) AND state <> 'settled'`,
    [dispatchIds],
  );
  return new Set(rows.map(([id]) => Number(id)));
}

/** Which rows we hold now, which somebody else does, and which are gone. */
async function lockNotifications(
  { backend }: Store,
  on: Statements,
  dispatches: readonly FinishedDispatch[],
): Promise<Map<string, 'free' | 'locked' | 'gone'>> {
  const ids = dispatches.flatMap(({ notificationId }) => (notificationId === null ? [] : [notificationId]));
  if (ids.length === 0) return new Map();
  const c = columnNames(backend.mapping);
  const values = [ids.map((id) => idValue(backend.notificationId, id))];
  const select = `SELECT ${c.notificationId} FROM ${c.notification} WHERE ${c.notificationId} IN (?)`;
  const free = await on.arrays(`${select} ORDER BY ${c.notificationId} FOR UPDATE SKIP LOCKED`, values);
  const states = new Map<string, 'free' | 'locked' | 'gone'>(ids.map((id) => [id, 'gone']));
  if (free.length < ids.length) {
    for (const [id] of await on.arrays(select, values)) states.set(idText(id), 'locked');
  }
  for (const [id] of free) states.set(idText(id), 'free');
  return states;
}
