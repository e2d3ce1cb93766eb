import { dueWindow } from '../domain/due-window.ts';
import { pushDispatch, pushName } from '../domain/operator-push.ts';
import { dueInstant, utcInstant } from '../domain/wall-time.ts';
import { idText, idValue } from './backend-schema.ts';
import { countTooOldRows, findDueRows } from './due-rows.ts';
import { EndedStatuses } from './ended-statuses.ts';
import { givenId } from './given-id.ts';
import { type NotificationRow, readNotificationRows } from './notification-rows.ts';
import { readSentResets } from './sent-resets.ts';
import type { Store } from './store.ts';

export type NotificationState =
  | 'scheduled'
  | 'planning'
  | 'sending'
  | 'held'
  | 'done'
  | 'expired'
  | 'cancelled'
  | 'invalid';

/** Recipients by outcome; `pending` ones have none yet. They add up to all recipients. */
export interface OutcomeCounts {
  readonly accepted: number;
  readonly rejected: number;
  readonly retired: number;
  readonly expired: number;
  readonly cancelled: number;
  readonly failed: number;
  readonly pending: number;
}

/** What `pushfleet status ID --json` prints. Times are ISO 8601 in UTC. */
export interface NotificationStatus extends OutcomeCounts {
  readonly notificationId: string;
  readonly app: string;
  readonly state: NotificationState;
  readonly recipients: number;
  /** Requests that were sent again because no answer came: as many devices may have got it twice. */
  readonly resentWithoutAnswer: number;
  readonly dueAt: string | null;
  readonly firstAcceptedAt: string | null;
  readonly finishedAt: string | null;
  /** Recipients that APNs refused or that failed, by reason. */
  readonly reasons: { readonly [reason: string]: number };
  readonly error: string | null;
}

/** How rows that no producer has claimed yet are judged; as in the settings of the producer. */
export interface StatusRules {
  /** Zone of the backend's DATETIME columns. */
  readonly zone: string;
  /** Milliseconds, or `today`. */
  readonly maxAge: number | 'today';
  readonly defaultApp: string;
  /** Milliseconds since 1970. */
  readonly now: number;
}

/** Status of one notification, its last round, or of an operator's push (`push-17`); null where there is none with this id. */
export async function readStatus(
  store: Store,
  notificationId: string,
  rules: StatusRules,
): Promise<NotificationStatus | null> {
  const id = givenId(store.backend.notificationId, notificationId);
  return (id === null ? null : await statusOfRow(store, id, rules)) ?? statusOfPush(store, notificationId);
}

async function statusOfRow(store: Store, id: string, rules: StatusRules): Promise<NotificationStatus | null> {
  const claimed = await readClaimed(store, 'd.notification_id = ? ORDER BY d.round DESC LIMIT 1', [
    idValue(store.backend.notificationId, id),
  ]);
  if (claimed[0] !== undefined) return claimed[0];
  const rows = await readNotificationRows(store, [id]);
  return rows[0] === undefined ? null : unclaimedStatus(store, rows[0], rules);
}

async function statusOfPush(store: Store, name: string): Promise<NotificationStatus | null> {
  const dispatchId = pushDispatch(name);
  if (dispatchId === null) return null;
  const [push] = await readClaimed(store, 'd.id = ? AND d.notification_id IS NULL', [dispatchId]);
  return push ?? null;
}

export interface RecentStatus {
  readonly notifications: NotificationStatus[];
  /** Unsent rows older than the maximum age, counted up to 10,000. */
  readonly rowsTooOld: number;
}

/** The newest notifications, latest due time first: claimed ones and, up to half, those that wait for their time. */
export async function readRecentStatus(
  store: Store,
  limit: number,
  rules: StatusRules,
): Promise<RecentStatus> {
  const claimed = await readClaimed(store, `${isLastRound(store)} ORDER BY d.id DESC LIMIT ${limit}`, []);
  const { waiting, rowsTooOld } = await readWaitingStatus(store, Math.ceil(limit / 2), rules);
  const byDue = (a: NotificationStatus, b: NotificationStatus) =>
    (b.dueAt ?? '').localeCompare(a.dueAt ?? '');
  return { notifications: [...waiting, ...claimed].sort(byDue).slice(0, limit), rowsTooOld };
}

/** Notifications that no producer has claimed yet, earliest due time first. */
export async function readWaitingStatus(
  store: Store,
  limit: number,
  rules: StatusRules,
): Promise<{ readonly waiting: NotificationStatus[]; readonly rowsTooOld: number }> {
  const { from } = windowOf(store, rules);
  const due = await findDueRows(store, { from, to: '9999-12-31 23:59:59' }, limit, 'oldest');
  const rows = await readNotificationRows(
    store,
    due.map(({ id }) => id),
  );
  const waiting = rows.map((row) => unclaimedStatus(store, row, rules));
  return {
    waiting: waiting.sort((a, b) => (a.dueAt ?? '').localeCompare(b.dueAt ?? '')),
    rowsTooOld: await countTooOldRows(store, from, 10_000),
  };
}

/** What is under way or held, the largest audiences first: a flood of small ones does not hide a broadcast. */
export function readRunningStatus(store: Store, limit: number): Promise<NotificationStatus[]> {
  const where = `d.state IN ('planning', 'sending', 'held') AND ${isLastRound(store)}`;
  return readClaimed(store, `${where} ORDER BY d.recipients DESC, d.id DESC LIMIT ${limit}`, []);
}

/** What has ended, newest first. */
export function readEndedStatus(
  store: Store,
  limit: number,
  known: EndedStatuses,
): Promise<NotificationStatus[]> {
  const where = `d.state IN ('done', 'expired', 'cancelled', 'invalid') AND ${isLastRound(store)}`;
  return readClaimed(store, `${where} ORDER BY d.id DESC LIMIT ${limit}`, [], known);
}

function isLastRound({ tables }: Store): string {
  return `NOT EXISTS
    (SELECT 1 FROM ${tables.dispatch} later WHERE later.notification_id = d.notification_id AND later.round > d.round)`;
}

const SENT_RESET =
  'the backend set sent back with the same due time; it is not sent again unless PUSHFLEET_ON_SENT_RESET is resend';

/** Sums over batches, never counters: they are right whatever was told twice or late. */
async function readClaimed(
  { database, tables, backend }: Store,
  where: string,
  values: Parameters<Store['database']['arrays']>[1],
  ended = new EndedStatuses(),
): Promise<NotificationStatus[]> {
  const dispatches = await database.arrays(
    `SELECT d.id, d.notification_id, d.app, d.state, d.recipients, d.due_at, d.finished_at,
            IF(d.state = 'held', COALESCE(d.error, d.hold_reason), d.error)
       FROM ${tables.dispatch} d WHERE ${where}`,
    values,
  );
  if (dispatches.length === 0) return [];
  const known = new Map<number, NotificationStatus>();
  for (const [id, , , state, , , finishedAt] of dispatches) {
    const status = ended.get(Number(id), String(state), isoTime(finishedAt));
    if (status !== undefined) known.set(Number(id), status);
  }
  const unknown = dispatches.filter(([id]) => !known.has(Number(id)));
  const read = unknown.length === 0 ? [] : await readSums({ database, tables, backend }, unknown);
  unknown.forEach(([id], at) => {
    known.set(Number(id), read[at]!);
  });
  ended.keep(known);
  return dispatches.map(([id]) => known.get(Number(id))!);
}

async function readSums(
  { database, tables, backend }: Store,
  dispatches: readonly unknown[][],
): Promise<NotificationStatus[]> {
  const ids = dispatches.map(([id]) => Number(id));
  const sums = await database.arrays(
    `SELECT dispatch_id, SUM(accepted), SUM(rejected), SUM(retired), SUM(expired), SUM(cancelled), SUM(failed),
            SUM(resent), MIN(first_accepted_at)
       FROM ${tables.batch} WHERE dispatch_id IN (?) GROUP BY dispatch_id`,
    [ids],
  );
  const reasons = await database.arrays(
    `SELECT dispatch_id, reason, COUNT(*) FROM ${tables.outcome} WHERE dispatch_id IN (?)
      GROUP BY dispatch_id, reason ORDER BY COUNT(*) DESC`,
    [ids],
  );
  const ended = dispatches.filter(([, , , state]) => state === 'done' || state === 'expired');
  const resets = await readSentResets(
    { database, tables, backend },
    ended.map(([id]) => Number(id)),
  );
  const isReset = new Set(resets.map(({ dispatchId }) => dispatchId));
  const sumsOf = new Map(sums.map(([id, ...row]) => [Number(id), row]));
  return dispatches.map(([id, notificationId, app, state, recipients, dueAt, finishedAt, error]) => {
    const row = sumsOf.get(Number(id));
    return {
      notificationId: notificationId === null ? pushName(Number(id)) : idText(notificationId),
      app: String(app),
      state: String(state) as NotificationState,
      recipients: Number(recipients),
      ...countOutcomes(Number(recipients), row ?? []),
      resentWithoutAnswer: Number(row?.[6] ?? 0),
      dueAt: isoTime(dueAt),
      firstAcceptedAt: isoTime(row?.[7]),
      finishedAt: isoTime(finishedAt),
      reasons: Object.fromEntries(
        reasons
          .filter(([of]) => Number(of) === Number(id))
          .map(([, reason, count]) => [String(reason), Number(count)]),
      ),
      error: error !== null ? String(error) : isReset.has(Number(id)) ? SENT_RESET : null,
    };
  });
}

/** @param sums accepted, rejected, retired, expired, cancelled, failed, as MySQL adds them up */
export function countOutcomes(recipients: number, sums: readonly unknown[]): OutcomeCounts {
  const [accepted, rejected, retired, expired, cancelled, failed] = Array.from({ length: 6 }, (_, i) =>
    Number(sums[i] ?? 0),
  ) as [number, number, number, number, number, number];
  const settled = accepted + rejected + retired + expired + cancelled + failed;
  return {
    accepted,
    rejected,
    retired,
    expired,
    cancelled,
    failed,
    pending: Math.max(0, recipients - settled),
  };
}

/** A row without a dispatch: it waits for its time or for a producer, is too old, or was never ours. */
export function unclaimedStatus(store: Store, row: NotificationRow, rules: StatusRules): NotificationStatus {
  const zone = zoneOf(store, rules);
  const dueAt = dueInstant(row.due, zone);
  const isTooOld = row.unsent && row.due < windowOf(store, rules).from;
  return {
    notificationId: row.id,
    app: row.columns.app ?? appOfOptions(row.options) ?? rules.defaultApp,
    state: !row.unsent ? 'done' : isTooOld ? 'expired' : 'scheduled',
    recipients: 0,
    ...countOutcomes(0, []),
    resentWithoutAnswer: 0,
    dueAt: dueAt === null ? null : new Date(dueAt).toISOString(),
    firstAcceptedAt: null,
    finishedAt: null,
    reasons: {},
    error: !row.unsent
      ? 'the row was marked sent by somebody else; Pushfleet never claimed it'
      : isTooOld
        ? `due at ${row.due} (${zone}), older than PUSHFLEET_MAX_AGE, not sent`
        : dueAt === null
          ? `the due time "${row.due}" is no time; the row is never due`
          : null,
  };
}

/** A column of our own as ISO 8601, null as null. */
export function isoTime(value: unknown): string | null {
  return value === null || value === undefined ? null : new Date(utcInstant(String(value))).toISOString();
}

function windowOf(store: Store, rules: StatusRules) {
  return dueWindow(rules.now, zoneOf(store, rules), rules.maxAge, rules.now);
}

/** A column of type TIMESTAMP comes out in our session's zone, which is UTC. */
function zoneOf({ backend }: Store, { zone }: StatusRules): string {
  return backend.dueIsTimestamp ? 'UTC' : zone;
}

function appOfOptions(options: string | null): string | undefined {
  try {
    const app: unknown = (JSON.parse(options ?? '{}') as { app?: unknown }).app;
    return typeof app === 'string' ? app : undefined;
  } catch {
    return undefined;
  }
}
