import { pushDispatch } from '../domain/operator-push.ts';
import { quoteName } from '../domain/schema-mapping.ts';
import { idText, idValue } from './backend-schema.ts';
import { givenId } from './given-id.ts';
import { isoTime } from './status.ts';
import type { Store } from './store.ts';

/** Of the last round of a notification: what stands in its dispatch beside the status. Times are ISO 8601 in UTC. */
export interface DispatchDetail {
  readonly dispatchId: number;
  readonly round: number;
  readonly lane: string | null;
  readonly claimedAt: string | null;
  readonly plannedAt: string | null;
  readonly deadline: string | null;
  readonly heldAt: string | null;
  readonly releasedAt: string | null;
  readonly releasedBy: string | null;
  /** Batches by state. */
  readonly batches: { readonly [state: string]: number };
}

/** One batch, without its lists. */
export interface BatchLine {
  readonly seq: number;
  readonly state: string;
  readonly size: number;
  readonly accepted: number;
  /** Rejected, retired, expired, cancelled and failed ones. */
  readonly others: number;
  readonly generation: number;
  readonly queuedAt: string | null;
  readonly settledAt: string | null;
}

/** Null: nothing with this id was claimed yet. */
export async function readDispatchDetail(
  store: Store,
  notificationId: string,
): Promise<DispatchDetail | null> {
  const { database, tables, backend } = store;
  const columns = `SELECT d.id, d.round, d.lane, d.claimed_at, d.planned_at, d.deadline, d.held_at, d.released_at, d.released_by
    FROM ${tables.dispatch} d WHERE`;
  const id = givenId(backend.notificationId, notificationId);
  const push = pushDispatch(notificationId);
  const ofRow =
    id === null
      ? []
      : await database.arrays(`${columns} d.notification_id = ? ORDER BY d.round DESC LIMIT 1`, [
          idValue(backend.notificationId, id),
        ]);
  const [row] =
    ofRow.length > 0 || push === null
      ? ofRow
      : await database.arrays(`${columns} d.id = ? AND d.notification_id IS NULL`, [push]);
  if (row === undefined) return null;
  const [dispatchId, round, lane, claimedAt, plannedAt, deadline, heldAt, releasedAt, releasedBy] = row;
  const states = await database.arrays(
    `SELECT state, COUNT(*) FROM ${tables.batch} WHERE dispatch_id = ? GROUP BY state`,
    [Number(dispatchId)],
  );
  return {
    dispatchId: Number(dispatchId),
    round: Number(round),
    lane: lane === null ? null : String(lane),
    claimedAt: isoTime(claimedAt),
    plannedAt: isoTime(plannedAt),
    deadline: isoTime(deadline),
    heldAt: isoTime(heldAt),
    releasedAt: isoTime(releasedAt),
    releasedBy: releasedBy === null ? null : String(releasedBy),
    batches: Object.fromEntries(states.map(([state, count]) => [String(state), Number(count)])),
  };
}

/** Batches of a dispatch from a number on, in their order, at most so many. */
export async function readBatchLines(
  { database, tables }: Store,
  dispatchId: number,
  from: number,
  limit: number,
): Promise<BatchLine[]> {
  const rows = await database.arrays(
    `SELECT seq, state, size, accepted, rejected + retired + expired + cancelled + failed, generation, queued_at, settled_at
       FROM ${tables.batch} WHERE dispatch_id = ? AND seq >= ? ORDER BY seq LIMIT ${limit}`,
    [dispatchId, from],
  );
  return rows.map(([seq, state, size, accepted, others, generation, queuedAt, settledAt]) => ({
    seq: Number(seq),
    state: String(state),
    size: Number(size),
    accepted: Number(accepted),
    others: Number(others),
    generation: Number(generation),
    queuedAt: isoTime(queuedAt),
    settledAt: isoTime(settledAt),
  }));
}

/** Groups of a notification's audience, as the backend's table names them now, at most so many. */
export async function readGroupIds(store: Store, notificationId: string, limit: number): Promise<string[]> {
  const { database, backend } = store;
  const id = givenId(backend.notificationId, notificationId);
  if (id === null) return [];
  const { notificationGroup: ng } = backend.mapping;
  const rows = await database.arrays(
    `SELECT DISTINCT ${quoteName(ng.group)} FROM ${quoteName(ng.table)} WHERE ${quoteName(ng.notification)} = ?
      ORDER BY ${quoteName(ng.group)} LIMIT ${limit}`,
    [idValue(backend.notificationId, id)],
  );
  return rows.map(([group]) => idText(group));
}

/** Which of these notifications have one of these token rows in their audience, directly or by a group. */
export async function readAudiencesWith(
  { database, backend }: Store,
  notificationIds: readonly string[],
  tokenIds: readonly string[],
): Promise<Set<string>> {
  if (notificationIds.length === 0 || tokenIds.length === 0) return new Set();
  const { notificationToken: nt, notificationGroup: ng, groupToken: gt } = backend.mapping;
  const notifications = notificationIds.map((id) => idValue(backend.notificationId, id));
  const tokens = tokenIds.map((id) => idValue(backend.tokenId, id));
  const rows = await database.arrays(
    `SELECT ${quoteName(nt.notification)} FROM ${quoteName(nt.table)}
      WHERE ${quoteName(nt.notification)} IN (?) AND ${quoteName(nt.token)} IN (?)
     UNION SELECT g.${quoteName(ng.notification)} FROM ${quoteName(ng.table)} g
       JOIN ${quoteName(gt.table)} m ON m.${quoteName(gt.group)} = g.${quoteName(ng.group)}
      WHERE g.${quoteName(ng.notification)} IN (?) AND m.${quoteName(gt.token)} IN (?)`,
    [notifications, tokens, notifications, tokens],
  );
  return new Set(rows.map(([id]) => idText(id)));
}
