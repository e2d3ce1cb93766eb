import { type ColumnTypes, idText } from './backend-tables.ts';
import type { Sql, SqlValue } from './connection.ts';
import type { Place } from './enqueue.ts';
import { ownTable, quote } from './schema.ts';
import { instantOf } from './wall-time.ts';

/** Progress of a notification, as `pushfleet status ID --json` prints it. Times are ISO 8601 in UTC. */
export interface NotificationStatus {
  readonly notificationId: string;
  readonly app: string | null;
  readonly state:
    | 'scheduled'
    | 'planning'
    | 'sending'
    | 'held'
    | 'done'
    | 'expired'
    | 'cancelled'
    | 'invalid';
  readonly recipients: number;
  /** Accepted by APNs; whether a device shows it nobody knows. */
  readonly accepted: number;
  readonly rejected: number;
  readonly retired: number;
  readonly expired: number;
  readonly cancelled: number;
  readonly failed: number;
  readonly pending: number;
  readonly resentWithoutAnswer: number;
  readonly dueAt: string | null;
  readonly firstAcceptedAt: string | null;
  readonly finishedAt: string | null;
  readonly reasons: { readonly [reason: string]: number };
  readonly error: string | null;
}

/** Null where there is no notification with this id. */
export async function readStatus(
  sql: Sql,
  place: Place,
  types: ColumnTypes,
  id: SqlValue,
): Promise<NotificationStatus | null> {
  const own = (name: string) => ownTable(name, place.stateDatabase);
  // Times as text: drivers make Dates of them in a zone of their own.
  const [dispatch] = await sql.rows(
    `SELECT id, app, state, recipients, error, CAST(due_at AS CHAR) AS due_at, CAST(finished_at AS CHAR) AS finished_at
       FROM ${own('dispatch')} WHERE notification_id = ? ORDER BY round DESC LIMIT 1`,
    [id],
  );
  if (dispatch === undefined) return unclaimed(sql, place, types, id);
  const [sums] = await sql.rows(
    `SELECT SUM(accepted) AS accepted, SUM(rejected) AS rejected, SUM(retired) AS retired, SUM(expired) AS expired,
            SUM(cancelled) AS cancelled, SUM(failed) AS failed, SUM(resent) AS resent,
            CAST(MIN(first_accepted_at) AS CHAR) AS first_at
       FROM ${own('batch')} WHERE dispatch_id = ?`,
    [String(dispatch.id)],
  );
  const reasons = await sql.rows(
    `SELECT reason, COUNT(*) AS number FROM ${own('outcome')} WHERE dispatch_id = ? GROUP BY reason`,
    [String(dispatch.id)],
  );
  const count = (name: string) => Number(sums?.[name] ?? 0);
  const counts = {
    accepted: count('accepted'),
    rejected: count('rejected'),
    retired: count('retired'),
    expired: count('expired'),
    cancelled: count('cancelled'),
    failed: count('failed'),
  };
  const settled = Object.values(counts).reduce((sum, number) => sum + number, 0);
  const recipients = Number(dispatch.recipients);
  return {
    notificationId: idText(id),
    app: String(dispatch.app),
    state: String(dispatch.state) as NotificationStatus['state'],
    recipients,
    ...counts,
    pending: Math.max(0, recipients - settled),
    resentWithoutAnswer: count('resent'),
    dueAt: isoTime(dispatch.due_at),
    firstAcceptedAt: isoTime(sums?.first_at),
    finishedAt: isoTime(dispatch.finished_at),
    reasons: Object.fromEntries(reasons.map(({ reason, number }) => [String(reason), Number(number)])),
    error: dispatch.error === null ? null : String(dispatch.error),
  };
}

/** No producer has taken the row: it waits for its time, or was marked sent by somebody else. */
async function unclaimed(
  sql: Sql,
  place: Place,
  { due }: ColumnTypes,
  id: SqlValue,
): Promise<NotificationStatus | null> {
  const { notification: n } = place.schema;
  const column = quote(n.due);
  const [row] = await sql.rows(
    `SELECT CAST(${due === 'timestamp' ? `UNIX_TIMESTAMP(${column})` : column} AS CHAR) AS due,
            ${n.unsentValue === null ? `${quote(n.sent)} IS NULL` : `${quote(n.sent)} = ?`} AS unsent
       FROM ${quote(n.table)} WHERE ${quote(n.id)} = ?`,
    [...(n.unsentValue === null ? [] : [n.unsentValue]), id],
  );
  if (row === undefined) return null;
  const dueAt = due === 'timestamp' ? Number(row.due) * 1000 : instantOf(String(row.due), place.zone);
  const isUnsent = Number(row.unsent) === 1;
  return {
    notificationId: idText(id),
    app: null,
    state: isUnsent ? 'scheduled' : 'done',
    recipients: 0,
    accepted: 0,
    rejected: 0,
    retired: 0,
    expired: 0,
    cancelled: 0,
    failed: 0,
    pending: 0,
    resentWithoutAnswer: 0,
    dueAt: dueAt === null ? null : new Date(dueAt).toISOString(),
    firstAcceptedAt: null,
    finishedAt: null,
    reasons: {},
    error: isUnsent ? null : 'the row was marked sent by somebody else; Pushfleet never claimed it',
  };
}

/** Our own columns are UTC. */
function isoTime(text: unknown): string | null {
  return text === null || text === undefined
    ? null
    : new Date(`${String(text).replace(' ', 'T')}Z`).toISOString();
}
