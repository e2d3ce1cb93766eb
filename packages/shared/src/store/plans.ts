import { randomBytes } from 'node:crypto';
import { idText } from './backend-schema.ts';
import { leaseEnd } from './claims.ts';
import type { SqlValue, Statements } from './database.ts';
import type { Store } from './store.ts';

/** One planned batch, before it is written. */
export interface PlannedBatch {
  readonly seq: number;
  readonly size: number;
  /** `encodeRecipients` of its token ids. */
  readonly recipients: Buffer;
  readonly firstId: Buffer;
  readonly lastId: Buffer;
  readonly twins: Buffer | null;
  /** Bytes where some are settled already (malformed device tokens); null: all wait. */
  readonly outcomes: Buffer | null;
  readonly rejected: number;
  /** Outcome rows that belong to those bytes. */
  readonly refusals: readonly {
    readonly tokenId: string;
    readonly reason: string;
    readonly apnsId: string;
  }[];
}

export interface AudienceCounts {
  readonly directMembers: number;
  readonly tokenGroups: number;
  readonly inactive: number;
  readonly duplicates: number;
  readonly malformed: number;
  readonly otherApp: number;
  readonly recipients: number;
}

/** A dispatch that is being planned, as its planner needs it. */
export interface Planning {
  readonly dispatchId: number;
  readonly notificationId: string | null;
  readonly app: string;
  readonly lane: string | null;
  readonly nonce: string;
  readonly fence: number;
  readonly batches: number;
  readonly cursor: string | null;
  /** Text of the frozen request; null: the claim was never frozen. */
  readonly request: string | null;
  /** Milliseconds since the claim, by MySQL's clock. */
  readonly ageMs: number;
  /** UTC DATETIME(3) text. */
  readonly dueAt: string;
  readonly dueWall: string;
  /** UTC DATETIME(3) text. */
  readonly deadline: string;
  readonly counts: AudienceCounts;
}

const PLANNING_COLUMNS = `id, notification_id, app, lane, nonce, fence, batches, plan_cursor, request,
  TIMESTAMPDIFF(MICROSECOND, claimed_at, UTC_TIMESTAMP(3)) / 1000, due_at, due_wall, deadline,
  direct_members, token_groups, inactive, duplicates, malformed, other_app, recipients`;

/** What this producer plans, from the oldest or from the newest due time on. The brake may hold one meanwhile. */
export async function readOwnPlannings(
  { database, tables }: Store,
  owner: string,
  order: 'oldest' | 'newest',
  limit: number,
): Promise<Planning[]> {
  // A branch for each state: each is read in the order of its index.
  const branch = (state: string) =>
    `(SELECT ${PLANNING_COLUMNS} FROM ${tables.dispatch} WHERE owner = ? AND state = '${state}'
       ORDER BY due_at ${order === 'oldest' ? 'ASC' : 'DESC'} LIMIT ${limit})`;
  const rows = await database.arrays(`${branch('planning')} UNION ALL ${branch('held')}`, [owner, owner]);
  return rows.map(toPlanning);
}

/** Another producer plans this dispatch now, or it was cancelled. Nothing was written. */
export class PlanningLostError extends Error {
  readonly code = 'PUSHFLEET_PLANNING_LOST';
  constructor(readonly dispatchId: number) {
    super(`the planning of dispatch ${dispatchId} went to another producer, or was cancelled`);
  }
}

export interface PlannedPage {
  readonly batches: readonly PlannedBatch[];
  readonly cursor: string;
  readonly counts: AudienceCounts;
  readonly lane: string;
  /** True: the audience is planned to its end. */
  readonly complete: boolean;
}

/**
 * Writes one page of batches together with the cursor, in one transaction and only while this producer
 * still plans the dispatch, and MySQL has not lost the pages before it (a failover may lose commits, F30).
 *
 * @param batchesBefore batches that were planned before this page
 * @throws PlanningLostError
 */
export async function savePlannedPage(
  store: Store,
  planning: Planning,
  page: PlannedPage,
  batchesBefore: number,
): Promise<void> {
  await store.database.transaction(async (on) => {
    const matched = await updatePlanning(store, on, planning, page, batchesBefore);
    if (matched === 0) throw new PlanningLostError(planning.dispatchId);
    await insertBatches(store, on, [{ planning, page }], newBatchNonce());
  });
}

/** The whole plan of a small notification. */
export interface SmallPlan {
  readonly planning: Planning;
  readonly page: PlannedPage;
  /** Its batches are written as queued: the caller adds them to Redis when they are. */
  readonly isQueued?: boolean;
}

/** Backends were still adding to these audiences when their plans were about to be committed. Nothing was written. */
export class AudienceGrewError extends Error {
  readonly code = 'PUSHFLEET_AUDIENCE_GREW';
  constructor(readonly dispatchIds: readonly number[]) {
    super(`the audiences of ${dispatchIds.length} dispatches grew while they were planned`);
  }
}

export interface SavingSmallPlans {
  /** Of their batches. */
  readonly nonce?: string;
  /** Asked as late as possible before the COMMIT: dispatches whose audience is not what it was planned from. */
  readonly grown?: () => Promise<readonly number[]>;
}

/**
 * Writes the whole plans of several small notifications in one transaction.
 *
 * @returns the dispatches that were planned; the others went elsewhere meanwhile
 * @throws AudienceGrewError
 */
export async function saveSmallPlans(
  store: Store,
  plans: readonly SmallPlan[],
  { nonce = newBatchNonce(), grown = async () => [] }: SavingSmallPlans = {},
): Promise<number[]> {
  if (plans.length === 0) return [];
  return store.database.transaction(async (on) => {
    const { tables } = store;
    // Of one the update says whether it is still ours.
    const mine = plans.length === 1 ? plans : await lockOwn(store, on, plans);
    if (mine.length === 0) return [];
    const matched = await on.change(
      `UPDATE (${mine
        .map(
          () =>
            'SELECT ? AS id, ? AS fence, ? AS lane, ? AS batches, ? AS recipients, ? AS direct_members, ? AS inactive, ? AS duplicates, ? AS malformed, ? AS other_app',
        )
        .join(' UNION ALL ')}) v STRAIGHT_JOIN ${tables.dispatch} d ON d.id = v.id
          SET d.state = 'sending', d.owner = NULL, d.lease_until = NULL, d.planned_at = UTC_TIMESTAMP(3), d.lane = v.lane,
              d.batches = v.batches, d.recipients = v.recipients, d.direct_members = v.direct_members,
              d.inactive = v.inactive, d.duplicates = v.duplicates, d.malformed = v.malformed, d.other_app = v.other_app
        WHERE d.fence = v.fence AND d.state = 'planning' AND d.request IS NOT NULL`,
      mine.flatMap(({ planning, page: { batches, counts, lane } }) => [
        planning.dispatchId,
        planning.fence,
        lane,
        batches.length,
        counts.recipients,
        counts.directMembers,
        counts.inactive,
        counts.duplicates,
        counts.malformed,
        counts.otherApp,
      ]),
    );
    if (matched < mine.length) {
      if (mine.length === 1) return [];
      throw new Error(`${mine.length} plans were locked, and ${matched} of them could be written`);
    }
    const [changed] = await Promise.all([grown(), insertBatches(store, on, mine, nonce)]);
    if (changed.length > 0) throw new AudienceGrewError(changed);
    return mine.map(({ planning }) => planning.dispatchId);
  });
}

async function lockOwn<P extends { readonly planning: Planning }>(
  { tables }: Store,
  on: Statements,
  plans: readonly P[],
): Promise<P[]> {
  const held = await on.arrays(
    `SELECT id, fence FROM ${tables.dispatch} WHERE id IN (?) AND state = 'planning' AND request IS NOT NULL ORDER BY id FOR UPDATE`,
    [plans.map(({ planning }) => planning.dispatchId)],
  );
  const fences = new Map(held.map(([id, fence]) => [Number(id), Number(fence)]));
  return plans.filter(({ planning }) => fences.get(planning.dispatchId) === planning.fence);
}

function updatePlanning(
  { tables }: Store,
  on: Statements,
  planning: Planning,
  { batches, cursor, counts, lane, complete }: PlannedPage,
  batchesBefore: number,
): Promise<number> {
  const end = complete
    ? "state = IF(state = 'planning', 'sending', state), owner = NULL, lease_until = NULL, planned_at = UTC_TIMESTAMP(3)"
    : `lease_until = ${leaseEnd()}`;
  return on.change(
    `UPDATE ${tables.dispatch} SET ${end}, plan_cursor = ?, lane = ?, batches = batches + ?, recipients = ?,
            direct_members = ?, token_groups = ?, inactive = ?, duplicates = ?, malformed = ?, other_app = ?
      WHERE id = ? AND fence = ? AND state IN ('planning', 'held') AND batches = ?`,
    [
      cursor,
      lane,
      batches.length,
      counts.recipients,
      counts.directMembers,
      counts.tokenGroups,
      counts.inactive,
      counts.duplicates,
      counts.malformed,
      counts.otherApp,
      planning.dispatchId,
      planning.fence,
      batchesBefore,
    ],
  );
}

/**
 * Of one page alone: if MySQL loses it, what is planned in its place has other recipients, and results of the
 * lost batches must not land on them (F30).
 */
export function newBatchNonce(): string {
  return randomBytes(4).toString('hex');
}

async function insertBatches(
  { tables }: Store,
  on: Statements,
  plans: readonly SmallPlan[],
  nonce: string,
): Promise<void> {
  const rows: SqlValue[][] = [];
  const outcomes: SqlValue[][] = [];
  for (const { planning, page, isQueued = false } of plans) {
    for (const b of page.batches) {
      const settled = b.rejected === b.size;
      rows.push([
        planning.dispatchId,
        b.seq,
        planning.app,
        page.lane,
        settled ? 'settled' : isQueued ? 'queued' : 'planned',
        isQueued ? 1 : 0,
        isQueued ? 1 : 0,
        isQueued,
        b.size,
        nonce,
        b.recipients,
        b.firstId,
        b.lastId,
        b.twins,
        b.outcomes,
        b.rejected,
      ]);
      for (const { tokenId, reason, apnsId } of b.refusals)
        outcomes.push([planning.dispatchId, tokenId, b.seq, 'rejected', 0, reason, null, 0, apnsId]);
    }
  }
  if (rows.length > 0)
    await on.change(
      `INSERT INTO ${tables.batch} (dispatch_id, seq, app, lane, state, generation, revision, queued_at, size, nonce,
                                    recipients, first_id, last_id, twins, outcomes, rejected)
       VALUES ${rows.map(() => '(?, ?, ?, ?, ?, ?, ?, IF(?, UTC_TIMESTAMP(3), NULL), ?, ?, ?, ?, ?, ?, ?, ?)').join(', ')}`,
      rows.flat(),
    );
  if (outcomes.length > 0)
    await on.change(
      `INSERT INTO ${tables.outcome} (dispatch_id, token_id, seq, outcome, status, reason, apns_timestamp, attempts, apns_id, at)
       VALUES ${outcomes.map(() => '(?, ?, ?, ?, ?, ?, ?, ?, ?, UTC_TIMESTAMP(3))').join(', ')}
       ON DUPLICATE KEY UPDATE seq = VALUES(seq)`,
      outcomes.flat(),
    );
}

function toPlanning(row: unknown[]): Planning {
  const [
    id,
    notificationId,
    app,
    lane,
    nonce,
    fence,
    batches,
    cursor,
    request,
    age,
    dueAt,
    dueWall,
    deadline,
    ...counts
  ] = row;
  const [directMembers, tokenGroups, inactive, duplicates, malformed, otherApp, recipients] = counts.map(
    Number,
  ) as [number, number, number, number, number, number, number];
  return {
    dispatchId: Number(id),
    notificationId: notificationId === null ? null : idText(notificationId),
    app: String(app),
    lane: lane === null ? null : String(lane),
    nonce: String(nonce),
    fence: Number(fence),
    batches: Number(batches),
    cursor: cursor === null ? null : String(cursor),
    request: request === null ? null : String(request),
    ageMs: Number(age),
    dueAt: String(dueAt),
    dueWall: String(dueWall),
    deadline: String(deadline),
    counts: { directMembers, tokenGroups, inactive, duplicates, malformed, otherApp, recipients },
  };
}
