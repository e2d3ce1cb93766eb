import { plainApp } from '@pushfleet/shared/domain/apps';
import { readApps } from '@pushfleet/shared/store/apps';
import { countGroupMembers } from '@pushfleet/shared/store/audience';
import { type LoggedCommand, readCommandsAbout } from '@pushfleet/shared/store/command-log';
import { type Explanation, explain } from '@pushfleet/shared/store/explain';
import {
  type BatchLine,
  type DispatchDetail,
  readBatchLines,
  readDispatchDetail,
  readGroupIds,
} from '@pushfleet/shared/store/notification-detail';
import { type NotificationStatus, readStatus, type StatusRules } from '@pushfleet/shared/store/status';
import type { Store } from '@pushfleet/shared/store/store';

export const BATCHES_A_PAGE = 50;
export const GROUPS_SHOWN = 20;
export const MEMBERS_COUNTED = 100_000;

/** Everything that the page of a notification shows. */
export interface NotificationView {
  readonly status: NotificationStatus;
  readonly explanation: Explanation;
  /** Null before it is claimed. */
  readonly detail: DispatchDetail | null;
  /** One more than are shown where there are more. */
  readonly groupIds: readonly string[];
  /** In these groups now, counted so far; null once it is claimed. */
  readonly memberships: number | null;
  /** From `from` on; one more than are shown where there are more. */
  readonly batches: readonly BatchLine[];
  readonly from: number;
  readonly log: readonly LoggedCommand[];
}

/** Null: there is no such notification. */
export async function readNotification(
  store: Store,
  id: string,
  rules: StatusRules,
  from: number,
): Promise<NotificationView | null> {
  const apps = (await readApps(store)).map(({ app, topic, environment }) =>
    plainApp(app, topic, environment),
  );
  // With one app alone, rows that name none go to it.
  const judged = apps.length === 1 ? { ...rules, defaultApp: apps[0]!.name } : rules;
  const status = await readStatus(store, id, judged);
  if (status === null) return null;
  const { zone, defaultApp } = judged;
  const { expiryIsDateTime } = store.backend;
  const rows = apps.length === 0 ? null : { apps, defaultApp, zone, expiryIsDateTime };
  const [explanation, detail, groupIds, log] = await Promise.all([
    explain(store, id, { ...judged, rows }),
    readDispatchDetail(store, id),
    readGroupIds(store, id, GROUPS_SHOWN + 1),
    readCommandsAbout(store, status.notificationId, 20),
  ]);
  // Removed between two statements.
  if (explanation === null) return null;
  const batches =
    detail === null ? [] : await readBatchLines(store, detail.dispatchId, from, BATCHES_A_PAGE + 1);
  const memberships = detail === null ? await countGroupMembers(store, groupIds, MEMBERS_COUNTED) : null;
  return { status, explanation, detail, groupIds, memberships, batches, from, log };
}
