import { pushName, pushRecipientId } from '../domain/operator-push.ts';
import type { PushRequest } from '../domain/push-request.ts';
import { encodeRecipients, idRange } from '../domain/recipient-list.ts';
import { utcDateTime, utcInstant } from '../domain/wall-time.ts';
import type { Store } from './store.ts';

export interface OperatorPush {
  /** The wish in `pushfleet_command`, taken by this producer. */
  readonly commandId: number;
  readonly request: PushRequest & { readonly deviceToken: string };
  /** From the wish to its deadline, in milliseconds. */
  readonly lifetimeMs: number;
  readonly nonce: string;
}

/**
 * Makes the dispatch and the one batch of a push that has no notification, and tells the wish so, in one
 * transaction: carried out twice, because its first producer died, it makes one push. The device token
 * leaves the wish and stands in the frozen request.
 *
 * @returns its name; null when its time is over already
 */
export async function createPush(store: Store, push: OperatorPush): Promise<string | null> {
  const { tables } = store;
  const { commandId, request, lifetimeMs, nonce } = push;
  return store.database.transaction(async (on) => {
    const [wish] = await on.arrays(
      `SELECT succeeded, result, requested_at, UTC_TIMESTAMP(3) FROM ${tables.command} WHERE id = ? FOR UPDATE`,
      [commandId],
    );
    if (wish === undefined) return null;
    const [succeeded, result, requestedAt, now] = wish;
    if (succeeded !== null) return String(result);
    const lifetimeEnd = utcInstant(String(requestedAt)) + lifetimeMs;
    const expiry =
      request.expiration === null || request.expiration === 0 ? null : request.expiration * 1_000;
    const deadline = expiry ?? lifetimeEnd;
    if (Math.min(deadline, lifetimeEnd) <= utcInstant(String(now))) return null;
    const { firstId: dispatchId } = await on.insert(
      `INSERT INTO ${tables.dispatch} (notification_id, app, lane, state, nonce, batches, recipients, direct_members, request,
                                       due_at, deadline, claimed_at, planned_at)
       VALUES (NULL, ?, 'urgent', 'sending', ?, 1, 1, 1, ?, ?, ?, UTC_TIMESTAMP(3), UTC_TIMESTAMP(3))`,
      [request.app, nonce, JSON.stringify(request), String(requestedAt), utcDateTime(deadline)],
    );
    const ids = [pushRecipientId(request.deviceToken)];
    const { first, last } = idRange('text', ids);
    await on.change(
      `INSERT INTO ${tables.batch} (dispatch_id, seq, app, lane, state, size, nonce, recipients, first_id, last_id)
       VALUES (?, 0, ?, 'urgent', 'planned', 1, ?, ?, ?, ?)`,
      [dispatchId, request.app, nonce, encodeRecipients('text', ids), first, last],
    );
    const name = pushName(dispatchId);
    await on.change(
      `UPDATE ${tables.command} SET succeeded = 1, result = ?, arguments = JSON_REMOVE(arguments, '$.deviceToken') WHERE id = ?`,
      [name, commandId],
    );
    return name;
  });
}
