import { pushName, pushRecipientId } from '../domain/operator-push.ts';
import { indexOfRecipient, sortableId } from '../domain/recipient-list.ts';
import { utcDateTime } from '../domain/wall-time.ts';
import { idText } from './backend-schema.ts';
import type { SqlValue } from './database.ts';
import {
  type DeviceOutcome,
  type DeviceRow,
  outcomeInBatch,
  type RecipientInBatch,
} from './device-outcome.ts';
import { isoTime } from './status.ts';
import type { Store } from './store.ts';

/** One dispatch whose audience had the device, and what became of it there. Times are ISO 8601 in UTC. */
export interface DeviceNotification extends DeviceOutcome {
  /** `push-17` for a push that an operator sent. */
  readonly notificationId: string;
  readonly round: number;
  readonly app: string;
  readonly state: string;
  readonly dueAt: string | null;
  readonly claimedAt: string | null;
  readonly finishedAt: string | null;
}

/** Batches read at a time: their lists are a few kilobytes each. */
const BATCHES_AT_ONCE = 1_000;

/**
 * Every dispatch claimed since then whose audience had this device, newest first.
 *
 * @param deviceToken normalised
 * @param rows of the backend with this device token: one of them is the recipient
 * @param since milliseconds since 1970
 */
export async function readDeviceHistory(
  store: Store,
  deviceToken: string,
  rows: readonly DeviceRow[],
  since: number,
): Promise<DeviceNotification[]> {
  const keys = recipientKeys(store, deviceToken, rows);
  const found = new Map<string, RecipientInBatch>();
  for (const { key, id } of keys) {
    const { sql, values } = candidateQuery(store, key, since);
    const candidates = await store.database.arrays(sql, values);
    for (let at = 0; at < candidates.length; at += BATCHES_AT_ONCE) {
      const page = candidates.slice(at, at + BATCHES_AT_ONCE);
      for (const batch of await readBatches(store, page, id))
        found.set(`${batch.dispatchId}`, { ...batch, tokenId: id });
    }
  }
  const batches = [...found.values()].sort((a, b) => b.dispatchId - a.dispatchId);
  return describe(store, batches);
}

/** The statement that finds the batches whose range of ids covers a key, for looking at its plan. */
export function candidateQuery(
  { tables }: Store,
  key: Buffer,
  since: number,
): { sql: string; values: SqlValue[] } {
  // Everything that it compares of a batch stands in the index, which is named: the rows are a hundred times as long.
  return {
    sql: `SELECT b.dispatch_id, b.seq FROM ${tables.batch} b FORCE INDEX (by_range)
       STRAIGHT_JOIN ${tables.dispatch} d ON d.id = b.dispatch_id
      WHERE b.first_id <= ? AND b.last_id >= ? AND d.claimed_at >= ?`,
    values: [key, key, utcDateTime(since)],
  };
}

interface RecipientKey {
  readonly id: string;
  readonly key: Buffer;
}

function recipientKeys({ backend }: Store, deviceToken: string, rows: readonly DeviceRow[]): RecipientKey[] {
  const { kind } = backend.tokenId;
  const keys = rows.map(({ tokenId }) => ({
    id: tokenId,
    key: sortableId(kind, tokenId),
  }));
  const id = pushRecipientId(deviceToken);
  return [...keys, { id, key: sortableId('text', id) }];
}

/** Those of these batches that hold the recipient: a range says only that they may. */
async function readBatches(
  { database, tables }: Store,
  keys: readonly unknown[][],
  tokenId: string,
): Promise<Omit<RecipientInBatch, 'tokenId'>[]> {
  const rows = await database.arrays(
    `SELECT dispatch_id, seq, recipients FROM ${tables.batch} WHERE (dispatch_id, seq) IN (?)`,
    [keys.map(([dispatchId, seq]) => [Number(dispatchId), Number(seq)])],
  );
  const hits = rows
    .map(([dispatchId, seq, list]) => ({ dispatchId, seq, index: indexOfRecipient(list as Buffer, tokenId) }))
    .filter(({ index }) => index >= 0);
  if (hits.length === 0) return [];
  const indexOf = new Map(hits.map(({ dispatchId, seq, index }) => [`${dispatchId}-${seq}`, index]));
  const batches = await database.arrays(
    `SELECT dispatch_id, seq, outcomes, trials, last_accepted_at FROM ${tables.batch} WHERE (dispatch_id, seq) IN (?)`,
    [hits.map(({ dispatchId, seq }) => [Number(dispatchId), Number(seq)])],
  );
  return batches.map(([dispatchId, seq, outcomes, trials, lastAcceptedAt]) => ({
    dispatchId: Number(dispatchId),
    index: indexOf.get(`${dispatchId}-${seq}`)!,
    outcomes: outcomes as Buffer | null,
    trials: trials === null ? null : String(trials),
    lastAcceptedAt,
  }));
}

async function describe(store: Store, batches: readonly RecipientInBatch[]): Promise<DeviceNotification[]> {
  if (batches.length === 0) return [];
  const { database, tables } = store;
  const ids = batches.map(({ dispatchId }) => dispatchId);
  const dispatches = await database.arrays(
    `SELECT id, notification_id, round, app, state, due_at, claimed_at, finished_at FROM ${tables.dispatch} WHERE id IN (?)`,
    [ids],
  );
  const refusals = await database.arrays(
    `SELECT dispatch_id, token_id, status, reason, attempts, at, apns_timestamp FROM ${tables.outcome}
      WHERE dispatch_id IN (?) AND token_id IN (?)`,
    [ids, [...new Set(batches.map(({ tokenId }) => tokenId))]],
  );
  const dispatchOf = new Map(dispatches.map(([id, ...row]) => [Number(id), row]));
  const refusalOf = new Map(refusals.map(([id, tokenId, ...row]) => [`${id} ${tokenId}`, row]));
  return batches.flatMap((batch) => {
    const dispatch = dispatchOf.get(batch.dispatchId);
    // Removed by the retention since.
    if (dispatch === undefined) return [];
    const [notificationId, round, app, state, dueAt, claimedAt, finishedAt] = dispatch;
    return [
      {
        notificationId: notificationId === null ? pushName(batch.dispatchId) : idText(notificationId),
        round: Number(round),
        app: String(app),
        state: String(state),
        ...outcomeInBatch(batch, refusalOf.get(`${batch.dispatchId} ${batch.tokenId}`)),
        dueAt: isoTime(dueAt),
        claimedAt: isoTime(claimedAt),
        finishedAt: isoTime(finishedAt),
      },
    ];
  });
}
