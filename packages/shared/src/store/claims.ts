import { idText, idValue } from './backend-schema.ts';
import type { SqlValue } from './database.ts';
import type { Store } from './store.ts';

/** How long a producer may be silent before another takes its planning over. */
export const LEASE_SECONDS = 10;

export interface ClaimRequest {
  readonly id: string;
  readonly round: number;
  /** Due time as the row has it. */
  readonly dueWall: string;
  /** UTC DATETIME(3) text. */
  readonly dueAt: string;
  readonly deadline: string;
  readonly app: string;
}

export interface Claim {
  readonly dispatchId: number;
  readonly notificationId: string;
  readonly dueWall: string;
}

/** Claims rows by inserting their ids: of two producers only one gets each. `readClaims` tells which. */
export async function insertClaims(
  { database, tables, backend }: Store,
  requests: readonly ClaimRequest[],
  owner: string,
  nonce: string,
): Promise<void> {
  if (requests.length === 0) return;
  const sorted = [...requests].sort((a, b) => (a.id < b.id ? -1 : 1));
  const tuples = sorted.map((r): SqlValue[] => [
    idValue(backend.notificationId, r.id),
    r.round,
    r.app,
    owner,
    nonce,
    r.dueWall,
    r.dueAt,
    r.deadline,
  ]);
  await database.change(
    `INSERT INTO ${tables.dispatch}
       (notification_id, round, app, state, owner, nonce, due_wall, due_at, deadline, claimed_at, lease_until)
     VALUES ${tuples.map(() => `(?, ?, ?, 'planning', ?, ?, ?, ?, ?, UTC_TIMESTAMP(3), ${leaseEnd()})`).join(', ')}
     ON DUPLICATE KEY UPDATE notification_id = VALUES(notification_id)`,
    tuples.flat(),
  );
}

/** Those of these rows that were claimed with this nonce; it marks one call of `insertClaims` and no other. */
export async function readClaims(
  { database, tables, backend }: Store,
  notificationIds: readonly string[],
  owner: string,
  nonce: string,
): Promise<Claim[]> {
  if (notificationIds.length === 0) return [];
  const rows = await database.arrays(
    `SELECT id, notification_id, due_wall FROM ${tables.dispatch}
      WHERE notification_id IN (?) AND owner = ? AND nonce = ? AND state = 'planning'`,
    [notificationIds.map((id) => idValue(backend.notificationId, id)), owner, nonce],
  );
  return rows.map(([id, notificationId, dueWall]) => ({
    dispatchId: Number(id),
    notificationId: idText(notificationId),
    dueWall: String(dueWall),
  }));
}

/** Takes claims back of which nothing was planned: the row was sent, postponed or deleted meanwhile. */
export async function withdrawClaims(
  { database, tables }: Store,
  dispatchIds: readonly number[],
): Promise<void> {
  if (dispatchIds.length === 0) return;
  await database.change(
    `DELETE FROM ${tables.dispatch} WHERE id IN (?) AND state = 'planning' AND request IS NULL`,
    [dispatchIds],
  );
}

export interface FrozenClaim {
  readonly dispatchId: number;
  readonly app: string;
  readonly lane: string | null;
  /** Text of the frozen request. */
  readonly request: string;
  readonly deadline: string;
}

/** Freezes what the recipients will get, while this producer still holds the claims. */
export async function freezeClaims(
  { database, tables }: Store,
  claims: readonly FrozenClaim[],
): Promise<void> {
  if (claims.length === 0) return;
  await database.change(
    // STRAIGHT_JOIN: from our list to the rows. By itself MariaDB may go through all claims, others' too, locking them.
    `UPDATE (${claims
      .map(() => 'SELECT ? AS id, ? AS app, ? AS lane, ? AS request, ? AS deadline')
      .join(' UNION ALL ')}) v STRAIGHT_JOIN ${tables.dispatch} d ON d.id = v.id
        SET d.app = v.app, d.lane = v.lane, d.request = v.request, d.deadline = v.deadline
      WHERE d.state = 'planning' AND d.request IS NULL`,
    claims.flatMap((c) => [c.dispatchId, c.app, c.lane, c.request, c.deadline]),
  );
}

/** Ends claims of rows that cannot be sent. They never block others, and are looked at again when they change. */
export async function invalidateClaims(
  { database, tables }: Store,
  claims: readonly { readonly dispatchId: number; readonly error: string; readonly digest: string }[],
): Promise<void> {
  for (const { dispatchId, error, digest } of claims) {
    await database.change(
      `UPDATE ${tables.dispatch} SET state = 'invalid', error = ?, row_digest = ?, owner = NULL, lease_until = NULL,
              finished_at = UTC_TIMESTAMP(3) WHERE id = ? AND state = 'planning'`,
      [error.slice(0, 1_000), digest, dispatchId],
    );
  }
}

/** Invalid claims that are still in the window, from a dispatch on, with the digest of what was wrong then. */
export async function readInvalidClaims(
  { database, tables }: Store,
  dueAfter: string,
  afterDispatch: number,
  limit: number,
): Promise<{ dispatchId: number; notificationId: string; digest: string }[]> {
  const rows = await database.arrays(
    `SELECT id, notification_id, row_digest FROM ${tables.dispatch} USE INDEX (by_state)
      WHERE state = 'invalid' AND due_at >= ? AND notification_id IS NOT NULL AND id > ? ORDER BY id LIMIT ${limit}`,
    [dueAfter, afterDispatch],
  );
  return rows.map(([id, notificationId, digest]) => ({
    dispatchId: Number(id),
    notificationId: idText(notificationId),
    digest: String(digest),
  }));
}

/** Removes invalid claims, so that their rows are due again. */
export async function releaseInvalidClaims(
  { database, tables }: Store,
  dispatchIds: readonly number[],
): Promise<void> {
  if (dispatchIds.length === 0) return;
  await database.change(`DELETE FROM ${tables.dispatch} WHERE id IN (?) AND state = 'invalid'`, [
    dispatchIds,
  ]);
}

export function leaseEnd(): string {
  return `UTC_TIMESTAMP(3) + INTERVAL ${LEASE_SECONDS} SECOND`;
}
