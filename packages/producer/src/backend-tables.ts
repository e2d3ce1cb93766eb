import type { Sql, SqlValue } from './connection.ts';
import { InvalidNotificationError } from './errors.ts';
import type { CheckedNotification, Options } from './notification-input.ts';
import { quote, type Schema } from './schema.ts';
import { dueSecond, wallTime } from './wall-time.ts';

/** How some of the backend's columns are typed: it decides how their values are written. */
export interface ColumnTypes {
  /** UUIDs as 16 bytes, not as text or integers. */
  readonly idIsBinary: boolean;
  readonly due: TimeType;
  readonly expiry: TimeType;
  readonly registeredAt: TimeType;
}

/** `wall` in the zone of the settings; `timestamp` by the server's session; `seconds` since 1970. */
type TimeType = 'wall' | 'timestamp' | 'seconds';

/** Looks into the database how the columns are typed; once per producer is enough. */
export async function readColumnTypes(sql: Sql, { notification, token }: Schema): Promise<ColumnTypes> {
  const type = (table: string, column: string | null) => columnType(sql, table, column);
  return {
    idIsBinary: (await type(notification.table, notification.id)) === 'binary',
    due: timeType(await type(notification.table, notification.due)),
    expiry: timeType(await type(notification.table, notification.expiry)),
    registeredAt: timeType(await type(token.table, token.registeredAt)),
  };
}

async function columnType(sql: Sql, table: string, column: string | null): Promise<string | null> {
  if (column === null) return null;
  const [name, database] = table.split('.').reverse();
  const [row] = await sql.rows(
    `SELECT LOWER(data_type) AS type FROM information_schema.columns
      WHERE table_schema = ${database === undefined ? 'DATABASE()' : '?'} AND table_name = ? AND column_name = ?`,
    [...(database === undefined ? [] : [database]), name!, column],
  );
  return row === undefined ? null : String(row.type);
}

function timeType(type: string | null): TimeType {
  if (type === 'timestamp') return 'timestamp';
  return type === null || type === 'datetime' || type === 'date' ? 'wall' : 'seconds';
}

/** An id as a program has it, as its column takes it: UUIDs of a BINARY(16) key come as text or bytes. */
export function idParameter(id: number | string | Buffer, { idIsBinary }: ColumnTypes): SqlValue {
  return idIsBinary && typeof id === 'string' ? Buffer.from(id.replace(/-/g, ''), 'hex') : id;
}

/** A time as SQL and its value. */
export function timeValue(instant: number, type: TimeType, zone: string): { sql: string; value: SqlValue } {
  if (type === 'wall') return { sql: '?', value: wallTime(instant, zone) };
  const seconds = Math.floor(instant / 1000);
  return { sql: type === 'timestamp' ? 'FROM_UNIXTIME(?)' : '?', value: seconds };
}

/** The options that the backend's row has a column for, and the rest. Mapped columns win. */
export function splitOptions(
  options: Options,
  { notification }: Schema,
): { columns: Options; rest: Options } {
  const columns: Options = {};
  const rest: Options = {};
  for (const [name, value] of Object.entries(options) as [keyof Options, Options[keyof Options]][]) {
    const column = name === 'key' ? null : notification[name];
    // NULL in a column means that the row says nothing; only the options can say "none".
    if (column !== null && value !== null) columns[name] = value;
    else rest[name] = value;
  }
  return { columns, rest };
}

/**
 * Inserts the row of a notification.
 * @returns its id
 * @throws InvalidNotificationError where the table makes no ids and none was given
 */
export async function insertNotification(
  sql: Sql,
  schema: Schema,
  notification: CheckedNotification,
  columns: Options,
  types: ColumnTypes,
  zone: string,
): Promise<SqlValue> {
  const { notification: n } = schema;
  const due = timeValue(dueSecond(notification.at, Date.now()), types.due, zone);
  const cells: [column: string, sql: string, value: SqlValue][] = [
    [n.message, '?', notification.message],
    [n.sent, '?', n.unsentValue],
    [n.due, due.sql, due.value],
  ];
  if (notification.id !== undefined) cells.unshift([n.id, '?', idParameter(notification.id, types)]);
  for (const [name, value] of Object.entries(columns) as [keyof Options, SqlValue | object][]) {
    const column = n[name as Exclude<keyof Options, 'key'>]!;
    if (name === 'expiry') {
      const expiry = timeValue(Number(value) * 1000, types.expiry, zone);
      cells.push([column, expiry.sql, expiry.value]);
    } else cells.push([column, '?', name === 'payload' ? JSON.stringify(value) : (value as SqlValue)]);
  }
  const made = await sql.insert(
    `INSERT INTO ${quote(n.table)} (${cells.map(([column]) => quote(column)).join(', ')})
     VALUES (${cells.map(([, placeholder]) => placeholder).join(', ')})`,
    cells.map(([, , value]) => value),
  );
  const id = notification.id === undefined ? made : idParameter(notification.id, types);
  if (id === null)
    throw new InvalidNotificationError([
      `the table ${n.table} makes no ids by itself: give id, as its column takes it`,
    ]);
  return id;
}

/** An id as text: the form in which programs get it. */
export function idText(id: unknown): string {
  return Buffer.isBuffer(id) ? id.toString('hex') : String(id);
}

/** Takes back what `insertNotification` inserted, inside the same transaction. */
export async function removeNotification(sql: Sql, { notification: n }: Schema, id: SqlValue): Promise<void> {
  await sql.run(`DELETE FROM ${quote(n.table)} WHERE ${quote(n.id)} = ?`, [id]);
}

const CHUNK = 500;

/** Writes pairs of notification and member into a join table, many in one statement. */
export async function insertMembers(
  sql: Sql,
  table: { readonly name: string; readonly notification: string; readonly member: string },
  notificationId: SqlValue,
  members: readonly SqlValue[],
): Promise<void> {
  for (let at = 0; at < members.length; at += CHUNK) {
    const chunk = members.slice(at, at + CHUNK);
    await sql.run(
      `INSERT INTO ${quote(table.name)} (${quote(table.notification)}, ${quote(table.member)})
       VALUES ${chunk.map(() => '(?, ?)').join(', ')}`,
      chunk.flatMap((member) => [notificationId, member]),
    );
  }
}
