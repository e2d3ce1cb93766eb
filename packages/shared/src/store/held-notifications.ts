import { pushName } from '../domain/operator-push.ts';
import { idText } from './backend-schema.ts';
import { isoTime } from './status.ts';
import type { Store } from './store.ts';

/** A notification that the brake holds until an operator decides. */
export interface HeldNotification {
  readonly notificationId: string;
  readonly app: string;
  /** ISO 8601 in UTC. */
  readonly heldAt: string | null;
  readonly reason: string;
}

/** What is held now, newest first. */
export async function readHeldNotifications(
  { database, tables }: Store,
  limit: number,
): Promise<HeldNotification[]> {
  const rows = await database.arrays(
    `SELECT id, notification_id, app, held_at, hold_reason FROM ${tables.dispatch} USE INDEX (by_state)
      WHERE state = 'held' ORDER BY id DESC LIMIT ${limit}`,
  );
  return rows.map(([id, notificationId, app, heldAt, reason]) => ({
    notificationId: notificationId === null ? pushName(Number(id)) : idText(notificationId),
    app: String(app),
    heldAt: isoTime(heldAt),
    reason: String(reason ?? ''),
  }));
}
