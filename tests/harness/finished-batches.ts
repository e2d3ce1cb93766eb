import { ACCEPTED, REJECTED } from '@pushfleet/shared/domain/outcomes';
import { encodeRecipients, idRange } from '@pushfleet/shared/domain/recipient-list';
import type { TestDatabase } from './test-database.ts';

interface Shape {
  readonly dispatches: number;
  readonly batchesEach: number;
  readonly size: number;
  /** From one id of a batch to its next: more than 1 makes the batches of a dispatch lie over each other. */
  readonly stride: number;
}

/** Finished dispatches 1, 2, … of the notifications with the same ids, and the batches that they left in the tables. */
export async function insertFinishedBatches(database: TestDatabase, shape: Shape): Promise<void> {
  const { dispatches, batchesEach, size, stride } = shape;
  const lists = Array.from({ length: batchesEach }, (_, seq) => {
    const first = Math.floor(seq / stride) * size * stride + (seq % stride) + 1;
    const ids = Array.from({ length: size }, (_, i) => String(first + i * stride));
    const range = idRange('integer', ids);
    return { recipients: encodeRecipients('integer', ids), first: range.first, last: range.last };
  });
  const outcomes = Buffer.alloc(size, ACCEPTED).fill(REJECTED, 0, 1);
  for (let id = 1; id <= dispatches; id++) {
    await database.query(
      `INSERT INTO pushfleet_dispatch (id, notification_id, app, lane, state, nonce, batches, recipients, due_wall, due_at, deadline, claimed_at, planned_at, finished_at)
       VALUES (?, ?, 'shop', 'bulk', 'done', 'n', ?, ?, UTC_TIMESTAMP(), UTC_TIMESTAMP(3), UTC_TIMESTAMP(3) + INTERVAL 1 DAY,
               UTC_TIMESTAMP(3), UTC_TIMESTAMP(3), UTC_TIMESTAMP(3))`,
      [id, id, batchesEach, batchesEach * size],
    );
    for (let at = 0; at < lists.length; at += 500)
      await database.query(
        `INSERT INTO pushfleet_batch (dispatch_id, seq, app, lane, state, size, nonce, recipients, first_id, last_id, outcomes, accepted, rejected, last_accepted_at)
         VALUES ?`,
        [
          lists
            .slice(at, at + 500)
            .map(({ recipients, first, last }, i) => [
              id,
              at + i,
              'shop',
              'bulk',
              'settled',
              size,
              'n',
              recipients,
              first,
              last,
              outcomes,
              size - 1,
              1,
              '2026-01-01 00:00:00.000',
            ]),
        ],
      );
  }
  await database.query('ANALYZE TABLE pushfleet_batch, pushfleet_dispatch');
}
