import { BRAKE_REASONS, type BrakeFigures } from '../domain/brake.ts';
import { idText } from './backend-schema.ts';
import type { Store } from './store.ts';

/** What APNs has answered about one dispatch, and how that stands. */
export interface DispatchFigures extends BrakeFigures {
  readonly dispatchId: number;
  readonly notificationId: string | null;
  readonly app: string;
  readonly state: string;
  /** An operator has let it go on: it is not held again. */
  readonly released: boolean;
}

/** The figures of dispatches that have refusals of the brake's kind; of others there are none. */
export async function readBrakeFigures(
  { database, tables }: Store,
  dispatchIds: readonly number[],
): Promise<DispatchFigures[]> {
  if (dispatchIds.length === 0) return [];
  const reasons = await database.arrays(
    `SELECT dispatch_id, reason, COUNT(*) FROM ${tables.outcome}
      WHERE dispatch_id IN (?) AND reason IN (?) GROUP BY dispatch_id, reason`,
    [dispatchIds, [...BRAKE_REASONS]],
  );
  const ids = [...new Set(reasons.map(([id]) => Number(id)))];
  if (ids.length === 0) return [];
  // Malformed device tokens are rejected too, but APNs was not asked about them.
  const rows = await database.arrays(
    `SELECT d.id, d.notification_id, d.app, d.state, d.released_at IS NOT NULL,
            COALESCE(SUM(b.accepted + b.rejected + b.retired), 0) - d.malformed
       FROM ${tables.dispatch} d JOIN ${tables.batch} b ON b.dispatch_id = d.id
      WHERE d.id IN (?) GROUP BY d.id, d.notification_id, d.app, d.state, d.released_at, d.malformed`,
    [ids],
  );
  return rows.map(([id, notificationId, app, state, released, answers]) => ({
    dispatchId: Number(id),
    notificationId: notificationId === null ? null : idText(notificationId),
    app: String(app),
    state: String(state),
    released: Number(released) === 1,
    answers: Number(answers),
    accused: Object.fromEntries(
      reasons
        .filter(([of]) => Number(of) === Number(id))
        .map(([, reason, count]) => [String(reason), Number(count)]),
    ),
  }));
}

/** Dispatches under way of which something may have been sent, not released, in the order of their ids. */
export async function readHoldable(
  { database, tables }: Store,
  after: number,
  limit: number,
): Promise<number[]> {
  const rows = await database.arrays(
    `SELECT id FROM ${tables.dispatch} USE INDEX (by_state)
      WHERE state IN ('planning', 'sending') AND batches > 0 AND released_at IS NULL AND id > ? ORDER BY id LIMIT ${limit}`,
    [after],
  );
  return rows.map(([id]) => Number(id));
}

/**
 * Holds a dispatch, also one that is still being planned: nothing of it is queued any more. False when it has ended,
 * or was released before.
 */
export async function holdDispatch(
  { database, tables }: Store,
  dispatchId: number,
  reason: string,
): Promise<boolean> {
  const matched = await database.change(
    `UPDATE ${tables.dispatch} SET state = 'held', held_at = UTC_TIMESTAMP(3), hold_reason = ?
      WHERE id = ? AND state IN ('planning', 'sending') AND released_at IS NULL`,
    [reason.slice(0, 1_000), dispatchId],
  );
  return matched === 1;
}

/** Lets a held dispatch go on, with its planning where that has an owner. False when it is not held. */
export async function releaseDispatch(
  { database, tables }: Store,
  dispatchId: number,
  by: string,
): Promise<boolean> {
  const matched = await database.change(
    `UPDATE ${tables.dispatch} SET state = IF(owner IS NULL, 'sending', 'planning'), released_at = UTC_TIMESTAMP(3), released_by = ?
      WHERE id = ? AND state = 'held'`,
    [by.slice(0, 190), dispatchId],
  );
  return matched === 1;
}

/** Held dispatches of which batches may be in Redis: workers must know of them. */
export async function readHeldInRedis({ database, tables }: Store, limit: number): Promise<number[]> {
  const rows = await database.arrays(
    `SELECT d.id FROM ${tables.dispatch} d USE INDEX (by_state)
      WHERE d.state = 'held' AND EXISTS
        (SELECT 1 FROM ${tables.batch} b WHERE b.dispatch_id = d.id AND b.state = 'queued') LIMIT ${limit}`,
  );
  return rows.map(([id]) => Number(id));
}

export async function countHeld({ database, tables }: Store): Promise<number> {
  const rows = await database.arrays(
    `SELECT COUNT(*) FROM ${tables.dispatch} USE INDEX (by_state) WHERE state = 'held'`,
  );
  return Number(rows[0]![0]);
}
