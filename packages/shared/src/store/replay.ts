import {
  CANCELLED,
  EXPIRED,
  FAILED,
  isSettled,
  REJECTED,
  RETIRED,
  tally,
  WAITING,
} from '../domain/outcomes.ts';
import { type PushRequest, pushRequestSchema } from '../domain/push-request.ts';
import { decodeRecipients } from '../domain/recipient-list.ts';
import { utcDateTime, utcInstant } from '../domain/wall-time.ts';
import { idValue } from './backend-schema.ts';
import { columnNames, unsentCondition } from './column-names.ts';
import type { SqlValue, Statements } from './database.ts';
import type { QueuedBatch } from './lost-batches.ts';
import type { Store } from './store.ts';

/** The outcomes that can be sent again. Accepted is not among them: nobody gets a push twice by a replay. */
export const REPLAYABLE = ['failed', 'rejected', 'retired', 'expired', 'cancelled'] as const;
export type ReplayableOutcome = (typeof REPLAYABLE)[number];

const BYTES: { readonly [outcome in ReplayableOutcome]: number } = {
  failed: FAILED,
  rejected: REJECTED,
  retired: RETIRED,
  expired: EXPIRED,
  cancelled: CANCELLED,
};
/** Workers may hold a copy that still calls a cancelled dispatch cancelled. */
const CANCEL_FORGOTTEN_SECONDS = 3;

/** To whom is sent again. */
export interface ReplayChoice {
  readonly outcomes: readonly ReplayableOutcome[];
  /** Only those whom APNs refused with this reason, or who failed with it; null: whatever the reason. */
  readonly reason: string | null;
}

/** A dispatch that may be replayed, as its row has it. */
export interface ReplayableDispatch {
  readonly dispatchId: number;
  readonly notificationId: string | null;
  readonly state: string;
  readonly app: string;
  /** Its audience was planned to the end. */
  readonly planned: boolean;
  /** False: it is being cancelled, or is not through with planning. */
  readonly replayable: boolean;
}

export type ReplayBatch = QueuedBatch & { readonly lane: string };

/** The last round of a notification, with what decides whether it can be replayed; null without one. */
export async function readReplayable(
  { database, tables, backend }: Store,
  notificationId: string,
): Promise<ReplayableDispatch | null> {
  const rows = await database.arrays(
    `SELECT id, state, app, planned_at IS NOT NULL, state = 'sending' OR (finished_at IS NOT NULL AND state <> 'invalid')
       FROM ${tables.dispatch} WHERE notification_id = ? ORDER BY round DESC LIMIT 1`,
    [idValue(backend.notificationId, notificationId)],
  );
  if (rows[0] === undefined) return null;
  const [id, state, app, planned, replayable] = rows[0];
  return {
    dispatchId: Number(id),
    notificationId,
    state: String(state),
    app: String(app),
    planned: Number(planned) === 1,
    replayable: Number(replayable) === 1,
  };
}

/** How many recipients a replay would send to again. */
export async function countReplay(
  { database, tables }: Store,
  dispatchId: number,
  { outcomes, reason }: ReplayChoice,
): Promise<number> {
  const rows =
    reason === null
      ? await database.arrays(
          `SELECT COALESCE(SUM(${outcomes.join(' + ')}), 0) FROM ${tables.batch} WHERE dispatch_id = ? AND state = 'settled'`,
          [dispatchId],
        )
      : await database.arrays(
          `SELECT COUNT(*) FROM ${tables.outcome} WHERE dispatch_id = ? AND reason = ? AND outcome IN (?)`,
          [dispatchId, reason, outcomes],
        );
  return Number(rows[0]![0]);
}

/**
 * Settled batches with somebody to send to again, page by page. Those that settled after the wish was written
 * are left out: carried out twice, because its first producer died, it does nothing twice.
 */
export async function readReplayBatches(
  { database, tables }: Store,
  dispatchId: number,
  { outcomes }: ReplayChoice,
  commandId: number,
  afterSeq: number,
  limit: number,
): Promise<ReplayBatch[]> {
  const rows = await database.arrays(
    `SELECT b.dispatch_id, b.seq, b.generation, b.revision, b.nonce, b.lane FROM ${tables.batch} b
       JOIN ${tables.command} c ON c.id = ?
      WHERE b.dispatch_id = ? AND b.seq > ? AND b.state = 'settled' AND b.settled_at <= c.requested_at
        AND ${outcomes.join(' + ')} > 0 ORDER BY b.seq LIMIT ${limit}`,
    [commandId, dispatchId, afterSeq],
  );
  return rows.map(([dispatch, seq, generation, revision, nonce, lane]) => ({
    dispatchId: Number(dispatch),
    seq: Number(seq),
    generation: Number(generation),
    revision: Number(revision),
    nonce: String(nonce),
    lane: String(lane),
  }));
}

/**
 * Opens the chosen recipients of these batches again, and their dispatch with them: bytes to 0 and the next
 * generation in one UPDATE, so that nothing told of the generation before can close them but an answer of APNs.
 * A batch whose revision is another now is left alone.
 *
 * @param lifetimeMs from now to the new deadline of a dispatch that had ended, unless its row has a later expiry
 * @returns recipients that are sent to again
 */
export async function replayBatches(
  store: Store,
  dispatchId: number,
  batches: readonly ReplayBatch[],
  choice: ReplayChoice,
  lifetimeMs: number,
): Promise<number> {
  if (batches.length === 0) return 0;
  const { database, tables } = store;
  return database.transaction(async (on) => {
    const [dispatch] = await on.arrays(
      `SELECT state, finished_at IS NULL, request, UTC_TIMESTAMP(3), notification_id FROM ${tables.dispatch} WHERE id = ? FOR UPDATE`,
      [dispatchId],
    );
    if (dispatch === undefined) return 0;
    const [state, isOpen, request, now, notificationId] = dispatch;
    if (request === null || (Number(isOpen) === 1 && state !== 'sending')) return 0;
    const wait = state === 'cancelled' ? CANCEL_FORGOTTEN_SECONDS : 0;
    const rows = await on.arrays(
      `SELECT seq, revision, recipients, outcomes FROM ${tables.batch}
        WHERE dispatch_id = ? AND seq IN (?) AND state = 'settled' ORDER BY seq FOR UPDATE`,
      [dispatchId, batches.map(({ seq }) => seq)],
    );
    const revisions = new Map(batches.map(({ seq, revision }) => [seq, revision]));
    let reopened = 0;
    for (const [seq, revision, recipients, stored] of rows) {
      if (stored === null || revisions.get(Number(seq)) !== Number(revision)) continue;
      const ids = decodeRecipients(recipients as Buffer);
      const chosen = await chosenIndexes(store, on, dispatchId, Number(seq), ids, stored as Buffer, choice);
      if (chosen.length === 0) continue;
      const outcomes = Buffer.from(stored as Buffer);
      for (const index of chosen) outcomes[index] = WAITING;
      if (isSettled(outcomes)) continue;
      const counts = tally(outcomes);
      await on.change(
        `UPDATE ${tables.batch} SET state = 'parked', not_before = UTC_TIMESTAMP(3) + INTERVAL ${wait} SECOND, settled_at = NULL,
                outcomes = ?, trials = NULL, generation = generation + 1, revision = revision + 1,
                rejected = ?, retired = ?, expired = ?, cancelled = ?, failed = ? WHERE dispatch_id = ? AND seq = ?`,
        [
          outcomes,
          counts.rejected,
          counts.retired,
          counts.expired,
          counts.cancelled,
          counts.failed,
          dispatchId,
          Number(seq),
        ],
      );
      await on.change(`DELETE FROM ${tables.outcome} WHERE dispatch_id = ? AND token_id IN (?)`, [
        dispatchId,
        chosen.map((index) => ids[index]!),
      ]);
      reopened += chosen.length;
    }
    if (reopened > 0 && state !== 'sending')
      await openDispatch(store, on, dispatchId, {
        ...newTimes(String(request), utcInstant(String(now)), lifetimeMs),
        sentIsOurs: notificationId !== null && (await isSent(store, on, notificationId as SqlValue)),
      });
    return reopened;
  });
}

/** The bytes decide; of those that they allow the rows with the reason, where one is asked for. */
async function chosenIndexes(
  { tables }: Store,
  on: Statements,
  dispatchId: number,
  seq: number,
  ids: readonly string[],
  outcomes: Buffer,
  { outcomes: chosen, reason }: ReplayChoice,
): Promise<number[]> {
  const bytes = new Set(chosen.map((outcome) => BYTES[outcome]));
  const byByte = ids.flatMap((_, index) => (bytes.has(outcomes[index]!) ? [index] : []));
  if (reason === null || byByte.length === 0) return byByte;
  const rows = await on.arrays(
    `SELECT token_id FROM ${tables.outcome} WHERE dispatch_id = ? AND token_id IN (?) AND seq = ? AND reason = ?`,
    [dispatchId, byByte.map((index) => ids[index]!), seq, reason],
  );
  const withReason = new Set(rows.map(([id]) => String(id)));
  return byByte.filter((index) => withReason.has(ids[index]!));
}

/** Deadline and request for another time: an expiry that has passed gives way to the new deadline. */
function newTimes(request: string, now: number, lifetimeMs: number) {
  const frozen: PushRequest = pushRequestSchema.parse(JSON.parse(request));
  const { expiration } = frozen;
  const hasPassed = expiration !== null && expiration !== 0 && expiration * 1_000 <= now;
  const expiry = expiration === null || expiration === 0 || hasPassed ? null : expiration * 1_000;
  return {
    deadline: utcDateTime(expiry ?? now + lifetimeMs),
    request: hasPassed ? JSON.stringify({ ...frozen, expiration: null }) : request,
  };
}

/**
 * `sent` that is set already is none that the backend sets to stop this: without our date beside it, it would
 * cancel what was just asked for.
 */
async function openDispatch(
  { tables }: Store,
  on: Statements,
  dispatchId: number,
  to: { readonly deadline: string; readonly request: string; readonly sentIsOurs: boolean },
): Promise<void> {
  await on.change(
    `UPDATE ${tables.dispatch} SET state = 'sending', finished_at = NULL, error = NULL, deadline = ?, request = ?
            ${to.sentIsOurs ? ', sent_set_at = COALESCE(sent_set_at, UTC_TIMESTAMP(3))' : ''} WHERE id = ?`,
    [to.deadline, to.request, dispatchId],
  );
}

async function isSent({ backend }: Store, on: Statements, notificationId: SqlValue): Promise<boolean> {
  const c = columnNames(backend.mapping);
  const unsent = unsentCondition(backend.mapping, 'n');
  const rows = await on.arrays(
    `SELECT 1 FROM ${c.notification} n WHERE n.${c.notificationId} = ? AND NOT (${unsent.sql})`,
    [notificationId, ...unsent.values],
  );
  return rows.length > 0;
}
