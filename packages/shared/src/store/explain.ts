import { defaultLifetimeMs } from '../domain/due-window.ts';
import { pushDispatch, pushName } from '../domain/operator-push.ts';
import { pushHeaders } from '../domain/push-headers.ts';
import { defaultCollapseId, type PushRequest, pushRequestSchema } from '../domain/push-request.ts';
import { type RowRules, requestOfRow } from '../domain/row-request.ts';
import { utcInstant } from '../domain/wall-time.ts';
import { readAudienceLists } from './audience.ts';
import { idText, idValue } from './backend-schema.ts';
import type { SqlValue } from './database.ts';
import {
  type DeviceOutcome,
  findDeviceRows,
  noRecipient,
  readDeviceOutcome,
  readPushOutcome,
} from './device-outcome.ts';
import { readFleet } from './fleet.ts';
import { givenId } from './given-id.ts';
import { readNotificationRows } from './notification-rows.ts';
import {
  countOutcomes,
  type NotificationState,
  type OutcomeCounts,
  type StatusRules,
  unclaimedStatus,
} from './status.ts';
import type { Store } from './store.ts';

/** How an audience became recipients; null is not known before the audience is planned. */
export interface AudienceExplanation {
  readonly direct: number;
  readonly groups: number;
  readonly inactive: number | null;
  readonly duplicates: number | null;
  readonly malformed: number | null;
  readonly otherApp: number | null;
  readonly recipients: number | null;
}

/** What APNs gets for each recipient, beside the path with the device token and an `apns-id` of its own. */
export interface RequestExplanation {
  readonly headers: { readonly [name: string]: string };
  readonly payload: unknown;
  readonly payloadBytes: number;
}

/** What `pushfleet explain ID --json` prints. */
export interface Explanation {
  readonly notificationId: string;
  readonly state: NotificationState;
  readonly error: string | null;
  readonly audience: AudienceExplanation;
  /** Null where there is none: the row cannot be sent, or nothing says which app it would go to. */
  readonly request: RequestExplanation | null;
  readonly outcomes: OutcomeCounts;
  readonly deviceToken?: DeviceOutcome;
}

export interface ExplainRules extends StatusRules {
  /** To build the request of a row that is not claimed yet; null without settings of an app. */
  readonly rows: RowRules | null;
}

/**
 * Explains the last round of a notification; null where there is none with this id.
 *
 * @param deviceToken normalised; what happened to it is told too
 */
export async function explain(
  store: Store,
  notificationId: string,
  rules: ExplainRules,
  deviceToken?: string,
): Promise<Explanation | null> {
  const id = givenId(store.backend.notificationId, notificationId);
  const ofRow = id === null ? null : await explainNotification(store, id, rules, deviceToken);
  const push = pushDispatch(notificationId);
  if (ofRow !== null || push === null) return ofRow;
  return explainDispatch(store, 'd.id = ? AND d.notification_id IS NULL', push, deviceToken);
}

async function explainNotification(
  store: Store,
  id: string,
  rules: ExplainRules,
  deviceToken: string | undefined,
): Promise<Explanation | null> {
  const last = 'd.notification_id = ? ORDER BY d.round DESC LIMIT 1';
  const value = idValue(store.backend.notificationId, id);
  return (
    (await explainDispatch(store, last, value, deviceToken)) ?? explainRow(store, id, rules, deviceToken)
  );
}

async function explainDispatch(
  store: Store,
  where: string,
  value: SqlValue,
  deviceToken: string | undefined,
): Promise<Explanation | null> {
  const { database, tables } = store;
  const rows = await database.arrays(
    `SELECT d.id, d.notification_id, d.state, d.error, d.request, d.deadline, d.direct_members, d.token_groups,
            d.inactive, d.duplicates, d.malformed, d.other_app, d.recipients
       FROM ${tables.dispatch} d WHERE ${where}`,
    [value],
  );
  if (rows[0] === undefined) return null;
  const [dispatchId, notificationId, state, error, request, deadline, ...counts] = rows[0];
  const [direct, groups, inactive, duplicates, malformed, otherApp, recipients] = counts.map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const { fleet } = await readFleet(database, tables);
  const sums = await database.arrays(
    `SELECT SUM(accepted), SUM(rejected), SUM(retired), SUM(expired), SUM(cancelled), SUM(failed)
       FROM ${tables.batch} WHERE dispatch_id = ?`,
    [Number(dispatchId)],
  );
  return {
    notificationId: notificationId === null ? pushName(Number(dispatchId)) : idText(notificationId),
    state: String(state) as NotificationState,
    error: error === null ? null : String(error),
    audience: { direct, groups, inactive, duplicates, malformed, otherApp, recipients },
    request:
      request === null
        ? null
        : explainRequest(
            pushRequestSchema.parse(JSON.parse(String(request))),
            utcInstant(String(deadline)),
            defaultCollapseId(fleet, Number(dispatchId)),
          ),
    outcomes: countOutcomes(recipients, sums[0]!),
    ...(deviceToken !== undefined && {
      deviceToken:
        notificationId === null
          ? await readPushOutcome(store, Number(dispatchId), deviceToken)
          : await readDeviceOutcome(store, Number(dispatchId), await findDeviceRows(store, deviceToken)),
    }),
  };
}

/** A row that is not claimed: what would be sent if it were claimed now. */
async function explainRow(
  store: Store,
  id: string,
  rules: ExplainRules,
  deviceToken: string | undefined,
): Promise<Explanation | null> {
  const [row] = await readNotificationRows(store, [id]);
  if (row === undefined) return null;
  const status = unclaimedStatus(store, row, rules);
  const lists = (await readAudienceLists(store, [id])).get(id)!;
  const built = rules.rows === null ? null : requestOfRow(row, rules.rows);
  const dueAt = status.dueAt === null ? rules.now : Date.parse(status.dueAt);
  const { fleet } = await readFleet(store.database, store.tables);
  return {
    notificationId: row.id,
    state: status.state,
    error: status.error ?? (built?.ok === false ? built.error : null),
    audience: {
      direct: lists.directMembers,
      groups: lists.groupIds.length,
      inactive: null,
      duplicates: null,
      malformed: null,
      otherApp: null,
      recipients: null,
    },
    request:
      built?.ok === true
        ? explainRequest(
            built.request,
            dueAt + defaultLifetimeMs(rules.maxAge),
            // The number of the dispatch is given when the row is claimed.
            `pf-${fleet}-<dispatch>`,
          )
        : null,
    outcomes: countOutcomes(0, []),
    ...(deviceToken !== undefined && {
      deviceToken: noRecipient('the notification is not claimed yet; its audience is read when it is'),
    }),
  };
}

/** @param deadline milliseconds since 1970: the expiration of a request that has none of its own */
export function explainRequest(
  request: PushRequest,
  deadline: number,
  ownCollapseId: string,
): RequestExplanation {
  return {
    headers: pushHeaders({ ...request, deadline, collapseId: request.collapseId ?? ownCollapseId }),
    payload: JSON.parse(request.payload),
    payloadBytes: Buffer.byteLength(request.payload),
  };
}
