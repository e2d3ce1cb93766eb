import type { IdKind } from '../domain/recipient-list.ts';
import { quoteName, type SchemaMapping } from '../domain/schema-mapping.ts';
import type { Database, SqlValue, Statements } from './database.ts';

/** A key of the backend's: how it reads in SQL and in our own tables. */
export interface KeyColumn {
  readonly kind: IdKind;
  /** Column type for our own tables that hold it, so that both compare by an index. */
  readonly ownType: string;
}

export interface BackendSchema {
  readonly mapping: SchemaMapping;
  readonly notificationId: KeyColumn;
  readonly tokenId: KeyColumn;
  readonly groupId: KeyColumn;
  /** Columns of type TIMESTAMP are UTC already (our sessions are): no zone applies to them. */
  readonly dueIsTimestamp: boolean;
  readonly sentAtIsTimestamp: boolean;
  readonly registeredAtIsTimestamp: boolean;
  /** Such a column is read as UNIX seconds. */
  readonly expiryIsTimestamp: boolean;
  readonly expiryIsDateTime: boolean;
  /** Names of the indexes on (owner, token) of the join tables; null for a view, or where there is none. */
  readonly directMemberIndex: string | null;
  readonly groupMemberIndex: string | null;
  /** False: finding due rows reads the whole table. */
  readonly dueQueryHasIndex: boolean;
}

/** The mapping names what the database does not have. Mending the mapping (or the rights) mends it. */
export class BackendSchemaError extends Error {
  readonly code = 'PUSHFLEET_BACKEND_SCHEMA';
  constructor(
    message: string,
    /** The mapped names that are not there; empty where something else does not fit. */
    readonly missing: readonly MissingName[] = [],
  ) {
    super(message);
  }
}

/** A table, or a column of a table that is there. */
export interface MissingName {
  readonly table: string;
  readonly column: string | null;
}

const TIMES = ['datetime', 'timestamp', 'date'];
/** In our tables an id as text has room for so many characters. */
const LONGEST_KEY = 255;

interface Column {
  readonly column: string;
  readonly dataType: string;
  readonly columnType: string;
  readonly length: number | null;
  readonly charset: string | null;
  readonly collation: string | null;
}

/**
 * Looks at the backend's tables as the mapping names them.
 * @throws BackendSchemaError listing everything that is missing
 */
export async function readBackendSchema(database: Database, mapping: SchemaMapping): Promise<BackendSchema> {
  const missing: MissingName[] = [];
  const columnsByTable = new Map<string, Map<string, Column>>();
  for (const [table, columns] of mappedColumns(mapping)) {
    const known = columnsByTable.get(table) ?? (await readColumns(database, table));
    columnsByTable.set(table, known);
    if (known.size === 0) {
      missing.push({ table, column: null });
      continue;
    }
    for (const column of columns) {
      if (!known.has(column.toLowerCase())) missing.push({ table, column });
    }
  }
  if (missing.length > 0)
    throw new BackendSchemaError(
      `the backend's tables do not fit (PUSHFLEET_SCHEMA_FILE maps other names; what this MySQL user has no right on is not seen, see deploy/grants):\n${missing.map((name) => `  ${missingSentence(name)}`).join('\n')}`,
      missing,
    );
  const column = (table: string, name: string) => columnsByTable.get(table)!.get(name.toLowerCase())!;
  const { notification, token } = mapping;
  const typeOf = (table: string, name: string | null) =>
    name === null ? null : column(table, name).dataType;
  const sentAt = typeOf(notification.table, notification.sentAt);
  const registeredAt = typeOf(token.table, token.registeredAt);
  const expiry = typeOf(notification.table, notification.expiry);
  const due = typeOf(notification.table, notification.due);
  for (const [name, type] of [
    [`${notification.table}.${notification.due}`, due],
    [`${notification.table}.${notification.sentAt}`, sentAt],
    [`${token.table}.${token.registeredAt}`, registeredAt],
  ] as const)
    if (type !== null && !TIMES.includes(type))
      throw new BackendSchemaError(
        `the column ${name} is of type ${type}; a time must be a DATETIME or TIMESTAMP (a view can make one of it)`,
      );
  return {
    mapping,
    notificationId: keyColumn(notification.table, column(notification.table, notification.id)),
    tokenId: keyColumn(token.table, column(token.table, token.id)),
    groupId: keyColumn(mapping.groupToken.table, column(mapping.groupToken.table, mapping.groupToken.group)),
    dueIsTimestamp: due === 'timestamp',
    sentAtIsTimestamp: sentAt === 'timestamp',
    registeredAtIsTimestamp: registeredAt === 'timestamp',
    expiryIsTimestamp: expiry === 'timestamp',
    expiryIsDateTime: expiry === 'datetime' || expiry === 'date',
    directMemberIndex: await memberIndex(
      database,
      mapping.notificationToken.table,
      mapping.notificationToken.notification,
      mapping.notificationToken.token,
    ),
    groupMemberIndex: await memberIndex(
      database,
      mapping.groupToken.table,
      mapping.groupToken.group,
      mapping.groupToken.token,
    ),
    dueQueryHasIndex: await hasDueIndex(database, mapping),
  };
}

export function missingSentence({ table, column }: MissingName): string {
  return column === null
    ? `table ${table} does not exist, or this MySQL user may not read it`
    : `table ${table} has no column ${column}`;
}

/** The statement that makes the query for due rows fast. */
export function dueIndexStatement(mapping: SchemaMapping): string {
  const { table, sent, due } = mapping.notification;
  return `CREATE INDEX pushfleet_due ON ${quoteName(table)} (${quoteName(sent)}, ${quoteName(due)});`;
}

/** An id for a statement: an integer stays one, so that the index on it is used. */
export function idValue(key: KeyColumn, id: string): SqlValue {
  if (key.kind === 'integer') return BigInt(id);
  return key.kind === 'binary' ? Buffer.from(id, 'hex') : id;
}

/** An id as a column value gave it, in the one form it has everywhere else: text. */
export function idText(value: unknown): string {
  return Buffer.isBuffer(value) ? value.toString('hex') : String(value);
}

function mappedColumns(mapping: SchemaMapping): [table: string, columns: string[]][] {
  const { notification: n, token: t, notificationToken, notificationGroup, groupToken } = mapping;
  const named = (...columns: (string | null)[]) => columns.filter((column) => column !== null);
  return [
    [
      n.table,
      named(
        n.id,
        n.message,
        n.sent,
        n.due,
        n.title,
        n.subtitle,
        n.badge,
        n.sound,
        n.payload,
        n.pushType,
        n.topic,
        n.app,
        n.priority,
        n.expiry,
        n.collapseId,
        n.threadId,
        n.category,
        n.lane,
        n.sentAt,
      ),
    ],
    [t.table, named(t.id, t.token, t.active, t.registeredAt, t.environment, t.topic, t.app)],
    [notificationToken.table, [notificationToken.notification, notificationToken.token]],
    [notificationGroup.table, [notificationGroup.notification, notificationGroup.group]],
    [groupToken.table, [groupToken.group, groupToken.token]],
  ];
}

async function readColumns(
  database: Statements & { readonly name: string },
  table: string,
): Promise<Map<string, Column>> {
  const [schema, name] = splitName(database.name, table);
  const rows = await database.rows<Column>(
    `SELECT column_name AS \`column\`, LOWER(data_type) AS dataType, column_type AS columnType, character_maximum_length AS length,
            character_set_name AS charset, collation_name AS collation
       FROM information_schema.columns WHERE table_schema = ? AND table_name = ?`,
    [schema, name],
  );
  return new Map(rows.map((row) => [row.column.toLowerCase(), row]));
}

function keyColumn(table: string, column: Column): KeyColumn {
  if (['tinyint', 'smallint', 'mediumint', 'int', 'bigint'].includes(column.dataType))
    return { kind: 'integer', ownType: 'BIGINT' };
  if (column.columnType.toLowerCase() === 'binary(16)') return { kind: 'binary', ownType: 'BINARY(16)' };
  if (['char', 'varchar', 'uuid'].includes(column.dataType) && Number(column.length ?? 0) <= LONGEST_KEY) {
    const collation =
      column.collation === null ? '' : ` CHARACTER SET ${column.charset} COLLATE ${column.collation}`;
    return { kind: 'text', ownType: `${column.columnType}${collation}` };
  }
  throw new BackendSchemaError(
    `the key ${table}.${column.column} is a ${column.columnType}; Pushfleet works with integers, BINARY(16) and CHAR or VARCHAR keys of up to ${LONGEST_KEY} characters`,
  );
}

/** An index that starts with the sent flag and the due time, or with the due time alone. */
async function hasDueIndex(database: Database, { notification }: SchemaMapping): Promise<boolean> {
  const { table, sent, due } = notification;
  const indexes = [...(await readIndexes(database, table)).values()];
  return indexes.some(
    ([first, second]) =>
      first === due.toLowerCase() || (first === sent.toLowerCase() && second === due.toLowerCase()),
  );
}

/** The index by which an owner's members are read in the order of their token ids; null where there is none. */
async function memberIndex(
  database: Database,
  table: string,
  owner: string,
  token: string,
): Promise<string | null> {
  for (const [name, [first, second]] of await readIndexes(database, table))
    if (first === owner.toLowerCase() && second === token.toLowerCase()) return name;
  return null;
}

/** Lower-case columns of each index of a table; none of a view. */
export async function readIndexes(database: Database, table: string): Promise<Map<string, string[]>> {
  const [schema, name] = splitName(database.name, table);
  const rows = await database.rows<{ name: string; columns: string }>(
    `SELECT index_name AS name, GROUP_CONCAT(column_name ORDER BY seq_in_index) AS columns
       FROM information_schema.statistics WHERE table_schema = ? AND table_name = ? GROUP BY index_name`,
    [schema, name],
  );
  return new Map(rows.map((row) => [row.name, row.columns.toLowerCase().split(',')]));
}

/** Database and name of a mapped table. */
export function splitName(database: string, table: string): [schema: string, name: string] {
  const dot = table.indexOf('.');
  return dot === -1 ? [database, table] : [table.slice(0, dot), table.slice(dot + 1)];
}
