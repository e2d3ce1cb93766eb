import { ProducerOptionsError } from './errors.ts';

export type SqlValue = string | number | boolean | Buffer | null;

/**
 * What statements run on: a mysql2 connection or pool (its promise API or its callbacks), or whatever an
 * ORM has, as `{ execute: (sql, params) => … }` that resolves to rows, or to a list with the rows first.
 */
export type Connection =
  | { execute(sql: string, params: never[]): unknown }
  | { query(sql: string, params: never[]): unknown };

/** Statements on one connection. */
export interface Sql {
  rows(sql: string, values?: readonly SqlValue[]): Promise<Record<string, unknown>[]>;
  /** @returns the AUTO_INCREMENT id as text; null where the statement made none */
  insert(sql: string, values: readonly SqlValue[]): Promise<string | null>;
  run(sql: string, values?: readonly SqlValue[]): Promise<void>;
}

type Send = (sql: string, values: SqlValue[]) => Promise<unknown>;

/** @throws ProducerOptionsError for what has neither `execute` nor `query` */
export function sqlOn(connection: Connection): Sql {
  const send = sender(connection);
  return {
    async rows(sql, values = []) {
      return rowsOf(await send(sql, [...values]));
    },
    async insert(sql, values) {
      const told = insertIdOf(await send(sql, [...values]));
      if (told !== undefined) return told;
      const [row] = rowsOf(await send('SELECT LAST_INSERT_ID() AS id', []));
      return asId(row?.id);
    },
    async run(sql, values = []) {
      await send(sql, [...values]);
    },
  };
}

function sender(given: Connection): Send {
  const connection = promised(given) as Record<string, unknown>;
  // mysql2 has both; query() fills no cache of prepared statements with lists of changing length.
  const method = typeof connection.query === 'function' ? 'query' : 'execute';
  if (typeof connection[method] !== 'function')
    throw new ProducerOptionsError(
      'the connection has neither execute nor query: pass a mysql2 connection, or { execute: (sql, params) => … }',
    );
  return async (sql, values) =>
    (connection[method] as (sql: string, values: SqlValue[]) => unknown)(sql, values);
}

/** A mysql2 connection or pool with callbacks knows its own promise API. */
export function promised(connection: object): object {
  const { promise } = connection as { promise?: () => object };
  return typeof promise === 'function' ? promise.call(connection) : connection;
}

/** Rows as drivers and ORMs give them: a list, `[rows, fields]`, or `{ rows }`. */
export function rowsOf(result: unknown): Record<string, unknown>[] {
  if (Array.isArray(result)) return Array.isArray(result[0]) ? result[0] : result;
  const { rows } = (result ?? {}) as { rows?: unknown };
  return Array.isArray(rows) ? rows : [];
}

/** Undefined where the result does not say; MySQL then does. */
function insertIdOf(result: unknown): string | null | undefined {
  const header = (Array.isArray(result) ? result[0] : result) as { insertId?: unknown } | undefined;
  return header !== null && typeof header === 'object' && 'insertId' in header
    ? asId(header.insertId)
    : undefined;
}

function asId(value: unknown): string | null {
  const id = value === undefined || value === null ? '0' : String(value);
  return id === '0' || id === '' ? null : id;
}
