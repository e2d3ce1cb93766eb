import { idText } from './backend-schema.ts';
import type { SqlValue, Statements } from './database.ts';
import type { Store } from './store.ts';

/** What waits in Redis of one lane, as MySQL knows it: late only to the safe side. */
export interface LaneLoad {
  readonly recipients: number;
  readonly jobs: number;
}

export async function readLaneLoad(
  { database, tables }: Store,
  app: string,
  lane: string,
): Promise<LaneLoad> {
  const rows = await database.arrays(
    `SELECT COALESCE(SUM(size), 0), COUNT(*) FROM ${tables.batch} WHERE app = ? AND lane = ? AND state = 'queued'`,
    [app, lane],
  );
  return { recipients: Number(rows[0]![0]), jobs: Number(rows[0]![1]) };
}

/** A batch that may go to Redis, with all that its job needs but the device tokens. */
export interface ReadyBatch {
  readonly dispatchId: number;
  readonly seq: number;
  readonly notificationId: string | null;
  readonly batches: number;
  readonly app: string;
  readonly lane: string;
  readonly size: number;
  readonly nonce: string;
  readonly recipients: Buffer;
  readonly outcomes: Buffer | null;
  readonly trials: string | null;
  readonly resent: number;
  readonly generation: number;
  readonly revision: number;
  readonly request: string;
  readonly dueAt: string;
  readonly deadline: string;
}

/** Dispatches of a lane that have planned batches, from `after` on: the next ones in the round. */
export async function readWaitingDispatches(
  { database, tables }: Store,
  app: string,
  lane: string,
  after: number,
  limit: number,
): Promise<number[]> {
  const rows = await database.arrays(
    `SELECT dispatch_id FROM ${tables.batch}
      WHERE app = ? AND lane = ? AND state = 'planned' AND dispatch_id > ? GROUP BY dispatch_id ORDER BY dispatch_id LIMIT ${limit}`,
    [app, lane, after],
  );
  return rows.map(([id]) => Number(id));
}

/**
 * The first planned batches of each of these dispatches, dispatch by dispatch, once they are planned to their end.
 *
 * @param whilePlanned dispatches whose batches may go earlier, as long as this producer plans them
 */
export async function readPlannedBatches(
  store: Store,
  app: string,
  lane: string,
  dispatchIds: readonly number[],
  perDispatch: number,
  whilePlanned: { readonly owner: string; readonly dispatchIds: readonly number[] } | null,
): Promise<ReadyBatch[]> {
  if (dispatchIds.length === 0) return [];
  const { tables } = store;
  // One branch per dispatch: a plain IN with one LIMIT would serve the first alone. The index is named, or the
  // first 20,000 settled batches of a large dispatch are walked by their key to find the next planned one.
  const branches = dispatchIds.map(
    () =>
      `(SELECT dispatch_id, seq FROM ${tables.batch} FORCE INDEX (by_lane)
         WHERE app = ? AND lane = ? AND state = 'planned' AND dispatch_id = ?
         ORDER BY seq LIMIT ${perDispatch})`,
  );
  const batches = await readReady(
    store,
    `(${branches.join(' UNION ALL ')}) p JOIN ${tables.batch} b ON b.dispatch_id = p.dispatch_id AND b.seq = p.seq`,
    [
      ...dispatchIds.flatMap((id) => [app, lane, id]),
      ...(whilePlanned === null ? [] : [whilePlanned.owner, [...whilePlanned.dispatchIds]]),
    ],
    `WHERE d.state = 'sending'${whilePlanned === null ? '' : " OR (d.state = 'planning' AND d.owner = ? AND d.id IN (?))"}`,
  );
  // The order of a join is nobody's promise, and where the round goes on depends on it.
  return batches.sort((a, b) => a.dispatchId - b.dispatchId || a.seq - b.seq);
}

/** Parked batches whose time has come. */
export async function readRipeBatches(
  store: Store,
  app: string,
  lane: string,
  limit: number,
): Promise<ReadyBatch[]> {
  return readReady(
    store,
    `${store.tables.batch} b`,
    [app, lane],
    `WHERE d.state = 'sending' AND b.app = ? AND b.lane = ? AND b.state = 'parked' AND b.not_before <= UTC_TIMESTAMP(3) ORDER BY b.not_before LIMIT ${limit}`,
  );
}

async function readReady(
  { database, tables }: Store,
  from: string,
  values: SqlValue[],
  where: string,
): Promise<ReadyBatch[]> {
  const rows = await database.arrays(
    `SELECT b.dispatch_id, b.seq, d.notification_id, d.batches, b.app, b.lane, b.size, b.nonce, b.recipients,
            b.outcomes, b.trials, b.resent, b.generation, b.revision, d.request, d.due_at, d.deadline
       FROM ${from} JOIN ${tables.dispatch} d ON d.id = b.dispatch_id ${where}`,
    values,
  );
  return rows.map((row) => ({
    dispatchId: Number(row[0]),
    seq: Number(row[1]),
    notificationId: row[2] === null ? null : idText(row[2]),
    batches: Number(row[3]),
    app: String(row[4]),
    lane: String(row[5]),
    size: Number(row[6]),
    nonce: String(row[7]),
    recipients: row[8] as Buffer,
    outcomes: row[9] as Buffer | null,
    trials: row[10] === null ? null : String(row[10]),
    resent: Number(row[11]),
    generation: Number(row[12]),
    revision: Number(row[13]),
    request: String(row[14]),
    dueAt: String(row[15]),
    deadline: String(row[16]),
  }));
}

export interface QueuedMark {
  readonly batch: ReadyBatch;
  /** Bytes as they are now that the device tokens were looked up (deleted and inactive rows are cancelled). */
  readonly outcomes: Buffer | null;
  readonly cancelled: number;
  /** True: nobody is left to send to. */
  readonly settled: boolean;
}

/**
 * Marks batches queued, each with its next generation, before they are added to Redis.
 * @returns the marks that took; another producer was faster with the others
 */
export async function markQueued(
  { database, tables }: Store,
  marks: readonly QueuedMark[],
): Promise<QueuedMark[]> {
  if (marks.length === 0) return [];
  // An alert is alone most of the time: one statement says whether it was ours, without a transaction.
  if (marks.length === 1) return (await setQueued(database, tables.batch, marks)) === 1 ? [...marks] : [];
  return database.transaction(async (on) => {
    const rows = await on.arrays(
      `SELECT dispatch_id, seq, revision FROM ${tables.batch}
        WHERE (dispatch_id, seq) IN (${marks.map(() => '(?, ?)').join(', ')}) AND state IN ('planned', 'parked')
        ORDER BY dispatch_id, seq FOR UPDATE`,
      marks.flatMap(({ batch }) => [batch.dispatchId, batch.seq]),
    );
    const free = new Set(rows.map((row) => row.join('-')));
    const taken = marks.filter(({ batch }) => free.has(`${batch.dispatchId}-${batch.seq}-${batch.revision}`));
    if (taken.length > 0) await setQueued(on, tables.batch, taken);
    return taken;
  });
}

/** @returns how many of them it were; the others have changed since they were read */
function setQueued(on: Statements, table: string, marks: readonly QueuedMark[]): Promise<number> {
  return on.change(
    `UPDATE (${marks
      .map(
        () => 'SELECT ? AS dispatch_id, ? AS seq, ? AS revision, ? AS state, ? AS outcomes, ? AS cancelled',
      )
      .join(' UNION ALL ')}) v
        STRAIGHT_JOIN ${table} b ON b.dispatch_id = v.dispatch_id AND b.seq = v.seq
        SET b.state = v.state, b.generation = b.generation + 1, b.revision = b.revision + 1,
            b.queued_at = UTC_TIMESTAMP(3), b.not_before = NULL, b.outcomes = v.outcomes,
            b.cancelled = b.cancelled + v.cancelled,
            b.settled_at = IF(v.state = 'settled', UTC_TIMESTAMP(3), NULL)
      WHERE b.revision = v.revision AND b.state IN ('planned', 'parked')`,
    marks.flatMap(({ batch, outcomes, cancelled, settled }): SqlValue[] => [
      batch.dispatchId,
      batch.seq,
      batch.revision,
      settled ? 'settled' : 'queued',
      outcomes,
      cancelled,
    ]),
  );
}
