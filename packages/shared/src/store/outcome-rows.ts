import { apnsId } from '../domain/apns-id.ts';
import { type BatchProgress, hasRefusal } from '../domain/batch-progress.ts';
import { isPushRecipient } from '../domain/operator-push.ts';
import { FAILED, OUTCOMES } from '../domain/outcomes.ts';
import { decodeRecipients } from '../domain/recipient-list.ts';
import { utcDateTime } from '../domain/wall-time.ts';
import type { SqlValue, Statements } from './database.ts';
import type { Store } from './store.ts';

/** A batch as MySQL holds it, while it is merged with what was told. */
export interface StoredBatch {
  readonly state: string;
  readonly app: string;
  readonly nonce: string;
  readonly generation: number;
  readonly recipients: Buffer;
  readonly progress: BatchProgress;
}

/** A batch that was told of, as it is now and as it was before. */
export interface ToldBatch {
  readonly telling: { readonly dispatchId: number; readonly seq: number };
  readonly batch: StoredBatch;
  readonly before: BatchProgress;
}

/** Writes the rows of recipients that were refused or failed now, and the retirements of device tokens with them. */
export async function writeOutcomes(
  { tables }: Store,
  on: Statements,
  rows: readonly ToldBatch[],
  retireReasons: ReadonlySet<string>,
): Promise<void> {
  const outcomes: SqlValue[] = [];
  const retirements: SqlValue[] = [];
  const superseded: SqlValue[] = [];
  for (const { telling, batch, before } of rows) {
    const { progress } = batch;
    const idOf = idsOnDemand(batch.recipients);
    for (const [index, refusal] of progress.refusals) {
      const byte = progress.outcomes[index]!;
      // Told before, and written then; a failed one may have failed again in another way.
      if (!hasRefusal(byte) || (byte === before.outcomes[index] && byte !== FAILED)) continue;
      const tokenId = idOf(index);
      outcomes.push(
        telling.dispatchId,
        tokenId,
        telling.seq,
        OUTCOMES[byte]!,
        refusal.status,
        refusal.reason.slice(0, 64),
        dateOrNull(refusal.timestamp),
        refusal.attempts,
        apnsId(telling.dispatchId, tokenId),
        utcDateTime(refusal.at),
      );
      if (retireReasons.has(refusal.reason) && refusal.deviceToken !== null && !isPushRecipient(tokenId))
        retirements.push(
          telling.dispatchId,
          tokenId,
          refusal.deviceToken,
          batch.app,
          refusal.reason.slice(0, 64),
          dateOrNull(refusal.timestamp),
        );
    }
    before.outcomes.forEach((byte, index) => {
      if (byte === FAILED && !hasRefusal(progress.outcomes[index]!))
        superseded.push([telling.dispatchId, idOf(index)] as unknown as SqlValue);
    });
  }
  if (superseded.length > 0)
    await on.change(`DELETE FROM ${tables.outcome} WHERE (dispatch_id, token_id) IN (?)`, [superseded]);
  if (outcomes.length > 0)
    await on.change(
      `INSERT INTO ${tables.outcome} (dispatch_id, token_id, seq, outcome, status, reason, apns_timestamp, attempts, apns_id, at)
       VALUES ${tuples(outcomes.length / 10, 10)}
       ON DUPLICATE KEY UPDATE outcome = VALUES(outcome), status = VALUES(status), reason = VALUES(reason),
         apns_timestamp = VALUES(apns_timestamp), attempts = VALUES(attempts), at = VALUES(at)`,
      outcomes,
    );
  if (retirements.length > 0)
    await on.change(
      `INSERT INTO ${tables.retirement} (dispatch_id, token_id, device_token, app, reason, apns_timestamp, state, created_at)
       VALUES ${Array.from({ length: retirements.length / 6 }, () => "(?, ?, ?, ?, ?, ?, 'pending', UTC_TIMESTAMP(3))").join(', ')}
       ON DUPLICATE KEY UPDATE id = id`,
      retirements,
    );
}

/** Unpacks the ids of a batch only when somebody asks for one. */
function idsOnDemand(recipients: Buffer): (index: number) => string {
  let ids: string[] | undefined;
  return (index) => {
    ids = ids ?? decodeRecipients(recipients);
    return ids[index]!;
  };
}

/** DATETIME(3) text of an instant. */
export function dateOrNull(instant: number | null): string | null {
  return instant === null ? null : utcDateTime(instant);
}

function tuples(count: number, width: number): string {
  return Array.from({ length: count }, () => `(${Array(width).fill('?').join(', ')})`).join(', ');
}
