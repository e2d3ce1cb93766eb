import {
  type ColumnTypes,
  idText,
  insertMembers,
  insertNotification,
  removeNotification,
  splitOptions,
} from './backend-tables.ts';
import type { Sql, SqlValue } from './connection.ts';
import { findDeviceTokens, registerDeviceTokens } from './device-token-rows.ts';
import { InvalidNotificationError, UnknownDeviceTokenError } from './errors.ts';
import type { CheckedNotification, Options } from './notification-input.ts';
import { ownTable, type Schema } from './schema.ts';

/** Where a producer writes. */
export interface Place {
  readonly schema: Schema;
  readonly zone: string;
  readonly stateDatabase: string | undefined;
}

export interface EnqueuedRow {
  /** Id of the notification as text, of a BINARY(16) key as hex. */
  readonly id: string;
  /** True: the key was used before, and this is the notification of then. */
  readonly repeated: boolean;
  /** Device tokens of the call that are switched off; they get nothing. */
  readonly skippedInactive: readonly string[];
  /** How many device tokens were stored now. */
  readonly registered: number;
}

/**
 * Writes one notification with its audience, in the caller's transaction. The audience is looked up
 * before anything is written: an unknown device token leaves the transaction as it was.
 *
 * @throws UnknownDeviceTokenError, InvalidNotificationError for a group that does not exist
 */
export async function enqueueRow(
  sql: Sql,
  place: Place,
  notification: CheckedNotification,
  types: ColumnTypes,
): Promise<EnqueuedRow> {
  const { schema, zone } = place;
  const key = notification.options.key as string | undefined;
  const earlier = key === undefined ? null : await notificationOfKey(sql, place, key, '');
  if (earlier !== null) return repetition(earlier);

  const audience = await readAudience(sql, place, notification, types);
  const { columns, rest } = splitOptions(notification.options, schema);
  const idValue = await insertNotification(sql, schema, notification, columns, types, zone);
  const id = idText(idValue);
  await insertRequest(sql, place, idValue, rest);
  // Somebody else may have taken the key meanwhile; the insert above has waited for its commit.
  const owner = key === undefined ? id : await notificationOfKey(sql, place, key, ' LOCK IN SHARE MODE');
  if (owner !== null && owner !== id) {
    await removeNotification(sql, schema, idValue);
    return repetition(owner);
  }
  const { notificationToken: nt, notificationGroup: ng } = schema;
  await insertMembers(
    sql,
    { name: nt.table, notification: nt.notification, member: nt.token },
    idValue,
    audience.ids,
  );
  const groups = { name: ng.table, notification: ng.notification, member: ng.group };
  await insertMembers(sql, groups, idValue, notification.tokenGroups).catch(refuseMissingGroup);
  return { id, repeated: false, skippedInactive: audience.inactive, registered: audience.registered };
}

/** Tables with foreign keys say so themselves; without them a missing group is an empty one. */
function refuseMissingGroup(error: unknown): never {
  if ((error as { errno?: number }).errno === 1452)
    throw new InvalidNotificationError(['one of its token groups does not exist']);
  throw error;
}

function repetition(id: string): EnqueuedRow {
  return { id, repeated: true, skippedInactive: [], registered: 0 };
}

async function readAudience(
  sql: Sql,
  { schema, zone }: Place,
  { deviceTokens, registerUnknown, options }: CheckedNotification,
  types: ColumnTypes,
): Promise<{ ids: SqlValue[]; inactive: string[]; registered: number }> {
  const found = await findDeviceTokens(sql, schema, deviceTokens);
  const { unknown } = found;
  if (unknown.length === 0) return { ...found, registered: 0 };
  if (!registerUnknown) throw new UnknownDeviceTokenError(unknown);
  const { app, topic } = options as { app?: string; topic?: string };
  await registerDeviceTokens(sql, schema, unknown, { app, topic, types, zone });
  const stored = await findDeviceTokens(sql, schema, unknown);
  // Stored by somebody else after this transaction's view of the table began.
  const late = await findDeviceTokens(sql, schema, stored.unknown, true);
  if (late.unknown.length > 0) throw new UnknownDeviceTokenError(late.unknown);
  return {
    ids: [...found.ids, ...stored.ids, ...late.ids],
    inactive: [...found.inactive, ...stored.inactive, ...late.inactive],
    registered: unknown.length,
  };
}

async function insertRequest(sql: Sql, place: Place, id: SqlValue, options: Options): Promise<void> {
  if (Object.keys(options).length === 0) return;
  // A key that is taken is no error here: an ORM might end the caller's transaction over one.
  await sql.run(
    `INSERT INTO ${ownTable('request', place.stateDatabase)} (notification_id, options) VALUES (?, ?)
     ON DUPLICATE KEY UPDATE notification_id = notification_id`,
    [id, JSON.stringify(options)],
  );
}

async function notificationOfKey(sql: Sql, place: Place, key: string, lock: string): Promise<string | null> {
  const [row] = await sql.rows(
    `SELECT notification_id AS id FROM ${ownTable('request', place.stateDatabase)} WHERE request_key = ?${lock}`,
    [key],
  );
  return row === undefined ? null : idText(row.id);
}
