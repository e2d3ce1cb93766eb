import {
  type BatchProgress,
  decodeProgress,
  earliestNotBefore,
  encodeProgress,
  mergeProgress,
  newProgress,
} from '../domain/batch-progress.ts';
import { isSettled, OUTCOMES, type Outcome, tally, WAITING } from '../domain/outcomes.ts';
import { utcDateTime, utcInstant } from '../domain/wall-time.ts';
import type { SqlValue, Statements } from './database.ts';
import { dateOrNull, type StoredBatch, type ToldBatch, writeOutcomes } from './outcome-rows.ts';
import type { Store } from './store.ts';

/** What somebody tells of one batch. */
export interface TellingOfBatch {
  readonly dispatchId: number;
  readonly seq: number;
  readonly generation: number;
  readonly nonce: string;
  readonly progress: BatchProgress;
  /** Nobody works on this generation any more. */
  readonly ended: boolean;
}

export interface Recorded {
  readonly telling: TellingOfBatch;
  /** `unknown`: there is no such batch, or it was planned anew since. */
  readonly state: 'queued' | 'parked' | 'settled' | 'unknown';
  /** Recipients that got their outcome by this telling, by outcome and reason. */
  readonly news: readonly { readonly outcome: string; readonly reason: string; readonly count: number }[];
}

/**
 * Merges what workers tell into MySQL, several batches in one transaction: bytes by the larger one, the
 * rows of refused recipients and the retirements with them. Repeats and late tellings change nothing.
 */
export async function recordTellings(
  store: Store,
  tellings: readonly TellingOfBatch[],
  retireReasons: ReadonlySet<string>,
): Promise<Recorded[]> {
  if (tellings.length === 0) return [];
  return store.database.transaction(async (on) => {
    const stored = await lockBatches(store, on, tellings);
    const recorded: Recorded[] = [];
    const changed = new Map<string, ToldBatch>();
    for (const telling of tellings) {
      const key = `${telling.dispatchId}-${telling.seq}`;
      const batch = stored.get(key);
      if (
        batch === undefined ||
        batch.nonce !== telling.nonce ||
        sizeOf(batch) !== telling.progress.outcomes.length
      ) {
        recorded.push({ telling, state: 'unknown', news: [] });
        continue;
      }
      const before = changed.get(key)?.before ?? batch.progress;
      const after = mergeProgress(batch.progress, heard(telling, batch));
      const merged = { ...batch, progress: after, state: nextState(batch, telling, after) };
      recorded.push({
        telling,
        state: merged.state as Recorded['state'],
        news: newsOf(batch.progress, after),
      });
      stored.set(key, merged);
      changed.set(key, { telling, batch: merged, before });
    }
    const rows = [...changed.values()];
    await updateBatches(store, on, rows);
    await writeOutcomes(store, on, rows, retireReasons);
    return recorded;
  });
}

/** Of an older generation only what APNs said counts: it has nothing to say about who waits or gave up. */
function heard(telling: TellingOfBatch, batch: StoredBatch): BatchProgress {
  if (telling.generation >= batch.generation) return telling.progress;
  return {
    ...telling.progress,
    outcomes: telling.progress.outcomes.map((byte) => (byte >= 4 ? byte : WAITING)),
    trials: new Map(),
  };
}

function nextState(batch: StoredBatch, telling: TellingOfBatch, progress: BatchProgress): string {
  if (batch.state === 'settled' || isSettled(progress.outcomes)) return 'settled';
  const isOver = telling.ended && telling.generation === batch.generation && batch.state === 'queued';
  return isOver ? 'parked' : batch.state;
}

async function lockBatches(
  { tables }: Store,
  on: Statements,
  tellings: readonly TellingOfBatch[],
): Promise<Map<string, StoredBatch>> {
  const keys = [...new Map(tellings.map((t) => [`${t.dispatchId}-${t.seq}`, t])).values()];
  // In the order of the primary key, as every other transaction of ours.
  const rows = await on.arrays(
    `SELECT dispatch_id, seq, state, app, nonce, generation, recipients, outcomes, trials, size, resent,
            first_accepted_at, last_accepted_at
       FROM ${tables.batch} WHERE (dispatch_id, seq) IN (${keys.map(() => '(?, ?)').join(', ')})
      ORDER BY dispatch_id, seq FOR UPDATE`,
    keys.flatMap((t) => [t.dispatchId, t.seq]),
  );
  return new Map(
    rows.map(
      ([
        dispatchId,
        seq,
        state,
        app,
        nonce,
        generation,
        recipients,
        outcomes,
        trials,
        size,
        resent,
        first,
        last,
      ]) => [
        `${dispatchId}-${seq}`,
        {
          state: String(state),
          app: String(app),
          nonce: String(nonce),
          generation: Number(generation),
          recipients: recipients as Buffer,
          progress: storedProgress(
            Number(size),
            outcomes as Buffer | null,
            trials as string | null,
            Number(resent),
            first,
            last,
          ),
        },
      ],
    ),
  );
}

/** Progress of a batch as MySQL holds it; what was refused stands in its own table and is not read here. */
export function storedProgress(
  size: number,
  outcomes: Buffer | null,
  trials: string | null,
  resent: number,
  firstAcceptedAt: unknown = null,
  lastAcceptedAt: unknown = null,
): BatchProgress {
  return {
    ...newProgress(size),
    outcomes: outcomes === null ? new Uint8Array(size) : new Uint8Array(outcomes),
    trials: trials === null ? new Map() : decodeProgress(trials).trials,
    resent,
    firstAcceptedAt: firstAcceptedAt === null ? null : utcInstant(String(firstAcceptedAt)),
    lastAcceptedAt: lastAcceptedAt === null ? null : utcInstant(String(lastAcceptedAt)),
  };
}

async function updateBatches({ tables }: Store, on: Statements, rows: readonly ToldBatch[]) {
  if (rows.length === 0) return;
  await on.change(
    `UPDATE (${rows
      .map(
        () =>
          'SELECT ? AS dispatch_id, ? AS seq, ? AS state, ? AS outcomes, ? AS trials, ? AS not_before, ? AS accepted, ? AS rejected, ? AS retired, ? AS expired, ? AS cancelled, ? AS failed, ? AS resent, ? AS first_at, ? AS last_at',
      )
      .join(' UNION ALL ')}) v
        STRAIGHT_JOIN ${tables.batch} b ON b.dispatch_id = v.dispatch_id AND b.seq = v.seq
        SET b.settled_at = IF(v.state = 'settled', COALESCE(b.settled_at, UTC_TIMESTAMP(3)), NULL),
            b.state = v.state, b.outcomes = v.outcomes, b.trials = v.trials, b.not_before = v.not_before,
            b.accepted = v.accepted, b.rejected = v.rejected, b.retired = v.retired, b.expired = v.expired,
            b.cancelled = v.cancelled, b.failed = v.failed, b.resent = v.resent,
            b.first_accepted_at = v.first_at, b.last_accepted_at = v.last_at, b.revision = b.revision + 1`,
    rows.flatMap(({ batch, telling }): SqlValue[] => {
      const { progress } = batch;
      const counts = tally(progress.outcomes);
      const earliest = batch.state === 'parked' ? earliestNotBefore(progress) : null;
      return [
        telling.dispatchId,
        telling.seq,
        batch.state,
        Buffer.from(progress.outcomes),
        trialsText(progress),
        earliest === null ? null : utcDateTime(earliest),
        counts.accepted,
        counts.rejected,
        counts.retired,
        counts.expired,
        counts.cancelled,
        counts.failed,
        progress.resent,
        dateOrNull(progress.firstAcceptedAt),
        dateOrNull(progress.lastAcceptedAt),
      ];
    }),
  );
}

function newsOf(before: BatchProgress, after: BatchProgress): Recorded['news'] {
  // Nearly all are accepted, without a reason: those are counted by their byte alone.
  const withoutReason = new Array<number>(OUTCOMES.length).fill(0);
  const refused = new Map<string, { outcome: Outcome; reason: string; count: number }>();
  after.outcomes.forEach((byte, index) => {
    if (byte === before.outcomes[index] || byte === WAITING) return;
    const reason = after.refusals.get(index)?.reason ?? '';
    if (reason === '') {
      withoutReason[byte]!++;
      return;
    }
    const outcome = OUTCOMES[byte]!;
    const key = `${outcome} ${reason}`;
    const entry = refused.get(key);
    if (entry === undefined) refused.set(key, { outcome, reason, count: 1 });
    else entry.count++;
  });
  const plain = withoutReason.flatMap((count, byte) =>
    count === 0 ? [] : [{ outcome: OUTCOMES[byte]!, reason: '', count }],
  );
  return [...plain, ...refused.values()];
}

/** Trials alone, in the format of a whole progress. */
function trialsText(progress: BatchProgress): string | null {
  if (progress.trials.size === 0) return null;
  return encodeProgress({ ...newProgress(0), trials: progress.trials });
}

function sizeOf(batch: StoredBatch): number {
  return batch.progress.outcomes.length;
}
