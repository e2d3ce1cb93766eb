import { BRAKE_REASONS } from '../domain/brake.ts';
import { quoteName } from '../domain/schema-mapping.ts';
import { idText, idValue } from './backend-schema.ts';
import { columnNames } from './column-names.ts';
import type { SqlValue, Statements } from './database.ts';
import type { Store } from './store.ts';
import { updateLockedRows } from './update-locked-rows.ts';

/** A device token that APNs called dead, and what the backend's row says now. */
export interface PendingRetirement {
  readonly id: number;
  readonly dispatchId: number;
  readonly app: string;
  readonly reason: string;
  readonly tokenId: string;
  /** Digest of the device token that APNs spoke of. */
  readonly digest: string;
  /** UTC DATETIME(3) text, or null where APNs gave none. */
  readonly apnsTimestamp: string | null;
}

/** The row of a token, held by our transaction. */
export interface TokenRow {
  readonly tokenId: string;
  readonly deviceToken: string | null;
  readonly active: boolean;
  /** As the column has it: wall time. Null without the column or without a value. */
  readonly registeredAt: string | null;
}

export interface RetirementDecision {
  readonly state: 'applied' | 'kept';
  readonly note: string;
}

/** When this device token was last switched off by us or restored by an operator (UTC DATETIME(3) text). */
export interface EarlierRetirement {
  readonly tokenId: string;
  readonly digest: string;
  readonly at: string;
}

/** Refusals that may be our own fault wait until their notification has ended or was released. */
export async function readPendingRetirements(
  { database, tables }: Store,
  after: number,
  limit: number,
): Promise<PendingRetirement[]> {
  const rows = await database.arrays(
    `SELECT r.id, r.dispatch_id, r.app, r.reason, r.token_id, r.device_token, r.apns_timestamp FROM ${tables.retirement} r
      WHERE r.state = 'pending' AND r.id > ? AND (r.reason NOT IN (?) OR EXISTS
        (SELECT 1 FROM ${tables.dispatch} d WHERE d.id = r.dispatch_id AND (d.finished_at IS NOT NULL OR d.released_at IS NOT NULL)))
      ORDER BY r.id LIMIT ${limit}`,
    [after, [...BRAKE_REASONS]],
  );
  return rows.map(([id, dispatchId, app, reason, tokenId, digest, timestamp]) => ({
    id: Number(id),
    dispatchId: Number(dispatchId),
    app: String(app),
    reason: String(reason),
    tokenId: String(tokenId),
    digest: String(digest),
    apnsTimestamp: timestamp === null ? null : String(timestamp),
  }));
}

export async function readEarlierRetirements(
  { database, tables }: Store,
  tokenIds: readonly string[],
): Promise<EarlierRetirement[]> {
  if (tokenIds.length === 0) return [];
  const rows = await database.arrays(
    `SELECT token_id, device_token, GREATEST(applied_at, COALESCE(restored_at, applied_at)) FROM ${tables.retirement}
      WHERE token_id IN (?) AND applied_at IS NOT NULL`,
    [tokenIds],
  );
  return rows.map(([tokenId, digest, at]) => ({
    tokenId: String(tokenId),
    digest: String(digest),
    at: String(at),
  }));
}

/**
 * Switches device tokens off, a few rows at a time, by `decide`. Rows that the backend holds locked stay
 * pending: a statement that never waits can be part of no deadlock.
 *
 * @returns how many were applied and kept; the rest is tried again later
 */
export async function applyRetirements(
  store: Store,
  pending: readonly PendingRetirement[],
  decide: (retirement: PendingRetirement, row: TokenRow) => RetirementDecision,
): Promise<{ applied: PendingRetirement[]; kept: number }> {
  const { database, tables, backend } = store;
  const { token } = backend.mapping;
  const c = columnNames(backend.mapping);
  return database.transaction(async (on) => {
    const ids = [...new Set(pending.map(({ tokenId }) => tokenId))].map((id) => idValue(backend.tokenId, id));
    const registered = token.registeredAt === null ? 'NULL' : quoteName(token.registeredAt);
    const columns = `${c.tokenId}, ${c.tokenString}, ${c.active} = ?, ${registered}`;
    const locked = await on.arrays(
      `SELECT ${columns} FROM ${c.token} WHERE ${c.tokenId} IN (?) ORDER BY ${c.tokenId} FOR UPDATE SKIP LOCKED`,
      [token.activeValue, ids],
    );
    const rows = new Map(
      locked.map(([id, string, active, at]) => [idText(id), toTokenRow(id, string, active, at)]),
    );
    const existing =
      rows.size === ids.length
        ? null
        : await on.arrays(`SELECT ${c.tokenId} FROM ${c.token} WHERE ${c.tokenId} IN (?)`, [ids]);
    const exists = existing === null ? null : new Set(existing.map(([id]) => idText(id)));
    const decided = pending.flatMap((retirement) => {
      const row = rows.get(retirement.tokenId);
      if (row !== undefined) return [{ retirement, decision: decide(retirement, row) }];
      const isGone = exists !== null && !exists.has(retirement.tokenId);
      const decision: RetirementDecision = { state: 'kept', note: 'the row is gone' };
      return isGone ? [{ retirement, decision }] : [];
    });
    const toSwitchOff = decided.filter(({ decision }) => decision.state === 'applied');
    const switchedOff = await setActive(
      store,
      on,
      [...new Set(toSwitchOff.map(({ retirement }) => retirement.tokenId))],
      token.inactiveValue,
    );
    const applied: PendingRetirement[] = [];
    let kept = 0;
    for (const { retirement, decision } of decided) {
      if (decision.state === 'kept') kept++;
      else if (switchedOff.has(retirement.tokenId)) applied.push(retirement);
      else continue;
      await on.change(
        `UPDATE ${tables.retirement} SET state = ?, note = ?, applied_at = ${decision.state === 'applied' ? 'UTC_TIMESTAMP(3)' : 'NULL'}
          WHERE id = ? AND state = 'pending'`,
        [decision.state, decision.note, retirement.id],
      );
    }
    return { applied, kept };
  });
}

/** @returns the tokens, of rows that we hold, whose `active` has that value now */
async function setActive(
  { backend }: Store,
  on: Statements,
  tokenIds: readonly string[],
  value: SqlValue,
): Promise<Set<string>> {
  const c = columnNames(backend.mapping);
  const updated = await updateLockedRows(
    on,
    { update: `UPDATE ${c.token} SET ${c.active} = ?`, values: [value], key: c.tokenId },
    tokenIds.map((id) => idValue(backend.tokenId, id)),
  );
  return new Set(updated.map(idText));
}

/** Which of these dispatches have twins and device tokens that APNs called dead: few of many have both. */
export async function readDispatchesWithTwins(
  { database, tables }: Store,
  dispatchIds: readonly number[],
): Promise<number[]> {
  if (dispatchIds.length === 0) return [];
  const retired = await database.arrays(
    `SELECT DISTINCT dispatch_id FROM ${tables.retirement} WHERE dispatch_id IN (?)`,
    [dispatchIds],
  );
  if (retired.length === 0) return [];
  const rows = await database.arrays(
    `SELECT DISTINCT dispatch_id FROM ${tables.batch} WHERE dispatch_id IN (?) AND twins IS NOT NULL`,
    [retired.map(([id]) => Number(id))],
  );
  return rows.map(([id]) => Number(id));
}

/** Twins: other rows with the same device token, which planning left out as duplicates of the retired one. */
export async function readTwinLists({ database, tables }: Store, dispatchId: number): Promise<Buffer[]> {
  const rows = await database.arrays(
    `SELECT twins FROM ${tables.batch} WHERE dispatch_id = ? AND twins IS NOT NULL`,
    [dispatchId],
  );
  return rows.map(([twins]) => twins as Buffer);
}

/** The retirements of a dispatch, by digest; one of each. */
export async function readRetirementsOf(
  { database, tables }: Store,
  dispatchId: number,
): Promise<Map<string, { app: string; reason: string; apnsTimestamp: string | null }>> {
  const rows = await database.arrays(
    `SELECT device_token, app, reason, apns_timestamp FROM ${tables.retirement} WHERE dispatch_id = ?`,
    [dispatchId],
  );
  return new Map(
    rows.map(([digest, app, reason, timestamp]) => [
      String(digest),
      {
        app: String(app),
        reason: String(reason),
        apnsTimestamp: timestamp === null ? null : String(timestamp),
      },
    ]),
  );
}

export async function addTwinRetirements(
  { database, tables }: Store,
  dispatchId: number,
  twins: readonly {
    tokenId: string;
    digest: string;
    app: string;
    reason: string;
    apnsTimestamp: string | null;
  }[],
): Promise<void> {
  if (twins.length === 0) return;
  await database.change(
    `INSERT INTO ${tables.retirement} (dispatch_id, token_id, device_token, app, reason, apns_timestamp, state, created_at)
     VALUES ${twins.map(() => "(?, ?, ?, ?, ?, ?, 'pending', UTC_TIMESTAMP(3))").join(', ')} ON DUPLICATE KEY UPDATE id = id`,
    twins.flatMap((t) => [dispatchId, t.tokenId, t.digest, t.app, t.reason, t.apnsTimestamp]),
  );
}

export interface RetiredDevice {
  readonly tokenId: string;
  readonly app: string;
  readonly reason: string;
  readonly apnsTimestamp: string | null;
  readonly retiredAt: string;
}

/** Device tokens that are switched off by us and not restored, newest first. */
export async function readRetiredDevices(
  { database, tables }: Store,
  limit: number,
): Promise<RetiredDevice[]> {
  return database.rows<RetiredDevice>(
    `SELECT token_id AS tokenId, app, reason, apns_timestamp AS apnsTimestamp, applied_at AS retiredAt
       FROM ${tables.retirement} WHERE state = 'applied' ORDER BY id DESC LIMIT ${limit}`,
  );
}

/** Undo: switches device tokens on again that we switched off. Rows that are locked now are not restored. */
export async function restoreDevices(store: Store, tokenIds: readonly string[]): Promise<string[]> {
  const { database, tables, backend } = store;
  const { token } = backend.mapping;
  const c = columnNames(backend.mapping);
  const restored: string[] = [];
  for (let at = 0; at < tokenIds.length; at += 20) {
    const chunk = tokenIds.slice(at, at + 20);
    const done = await database.transaction(async (on) => {
      const ours = await on.arrays(
        `SELECT DISTINCT token_id FROM ${tables.retirement} WHERE state = 'applied' AND token_id IN (?)`,
        [chunk],
      );
      const ids = ours.map(([id]) => String(id));
      if (ids.length === 0) return [];
      const locked = await on.arrays(
        `SELECT ${c.tokenId} FROM ${c.token} WHERE ${c.tokenId} IN (?) ORDER BY ${c.tokenId} FOR UPDATE SKIP LOCKED`,
        [ids.map((id) => idValue(backend.tokenId, id))],
      );
      const free = locked.map(([id]) => idText(id));
      const switchedOn = [...(await setActive(store, on, free, token.activeValue))];
      if (switchedOn.length === 0) return [];
      await on.change(
        `UPDATE ${tables.retirement} SET state = 'restored', restored_at = UTC_TIMESTAMP(3) WHERE state = 'applied' AND token_id IN (?)`,
        [switchedOn],
      );
      return switchedOn;
    });
    restored.push(...done);
  }
  return restored;
}

function toTokenRow(id: unknown, string: unknown, active: unknown, registeredAt: unknown): TokenRow {
  return {
    tokenId: idText(id),
    deviceToken:
      string === null ? null : Buffer.isBuffer(string) ? string.toString('latin1') : String(string),
    active: Number(active) === 1,
    registeredAt: registeredAt === null ? null : String(registeredAt),
  };
}
