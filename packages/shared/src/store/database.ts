import { createPool, type Pool, type PoolConnection, type PoolOptions } from 'mysql2/promise';
import type { MysqlTarget } from '../platform/mysql-url.ts';

export type SqlValue = string | number | bigint | boolean | Buffer | null | readonly SqlValue[];
export type Row = Record<string, unknown>;

/** Statements on one connection or on the pool: inside a transaction or outside. */
export interface Statements {
  rows<T = Row>(sql: string, values?: readonly SqlValue[]): Promise<T[]>;
  /** Rows as lists of columns: cheaper for long results. */
  arrays(sql: string, values?: readonly SqlValue[]): Promise<unknown[][]>;
  /** @returns rows that the statement matched */
  change(sql: string, values?: readonly SqlValue[]): Promise<number>;
  insert(
    sql: string,
    values?: readonly SqlValue[],
  ): Promise<{ readonly firstId: number; readonly matched: number }>;
}

export interface Database extends Statements {
  /** Name of the backend's database. */
  readonly name: string;
  /**
   * Runs `work` in one READ COMMITTED transaction; again from the start when MySQL asks for it (lock
   * wait, deadlock, record changed), so `work` must only change the database.
   */
  transaction<T>(work: (statements: Statements) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

export interface DatabaseOptions {
  readonly target: MysqlTarget;
  readonly password?: string;
  /** PEM of the server's CA. */
  readonly ca?: string;
  readonly connections?: number;
}

/** Lock wait timeout, deadlock, "record has changed since last read" (MariaDB's snapshot isolation). */
const TRY_AGAIN: ReadonlySet<number> = new Set([1205, 1213, 1020]);
const TRIES = 6;

/**
 * Opens pools on MySQL. Every connection is READ COMMITTED and waits shortly for locks: we stand back
 * for the backend. Transactions have connections of their own, whose `wait_timeout` ends what a stopped
 * process of ours may hold.
 */
export async function openDatabase(options: DatabaseOptions): Promise<Database> {
  const tls = await negotiateTls(options);
  const plain = createPool({ ...poolOptions(options, tls), connectionLimit: options.connections ?? 6 });
  const transactions = createPool({
    ...poolOptions(options, tls),
    connectionLimit: options.connections ?? 6,
    // Closed by us before the server's wait_timeout does it.
    maxIdle: 0,
    idleTimeout: 4_000,
  });
  prepareConnections(plain, 'SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED', COMMON_SETTINGS);
  prepareConnections(
    transactions,
    'SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED',
    `${COMMON_SETTINGS}, wait_timeout = 10`,
  );
  return {
    name: options.target.database,
    ...triedAgain(statementsOn(plain)),
    transaction: (work) => runTransaction(transactions, work),
    async close() {
      await Promise.all([plain.end(), transactions.end()]);
    },
  };
}

const COMMON_SETTINGS = "SET SESSION time_zone = '+00:00', innodb_lock_wait_timeout = 2";

function prepareConnections(pool: Pool, ...statements: string[]): void {
  // Queued on the connection before whatever asked for it; a failure shows in that statement's own.
  pool.pool.on('connection', (connection) => {
    for (const statement of statements) connection.query(statement, () => {});
  });
}

function poolOptions({ target, password }: DatabaseOptions, tls: PoolOptions['ssl']): PoolOptions {
  return {
    host: target.host,
    port: target.port,
    user: target.user,
    password: password ?? target.password,
    database: target.database,
    charset: 'utf8mb4_general_ci',
    dateStrings: true,
    supportBigNumbers: true,
    timezone: 'Z',
    connectTimeout: 5_000,
    enableKeepAlive: true,
    ...(tls !== undefined && { ssl: tls }),
  };
}

/** `PREFERRED` takes TLS where the server has it; the other modes say so themselves. */
async function negotiateTls(options: DatabaseOptions): Promise<PoolOptions['ssl']> {
  const { tls } = options.target;
  if (tls === null) return undefined;
  const ssl = {
    rejectUnauthorized: tls.verifyChain,
    verifyIdentity: tls.verifyHost,
    ...(options.ca !== undefined && { ca: options.ca }),
  };
  if (tls.required) return ssl;
  const probe = createPool({ ...poolOptions(options, ssl), connectionLimit: 1 });
  try {
    await probe.query('SELECT 1');
    return ssl;
  } catch (error) {
    if ((error as { code?: string }).code === 'HANDSHAKE_NO_SSL_SUPPORT') return undefined;
    throw error;
  } finally {
    await probe.end().catch(() => {});
  }
}

function statementsOn(on: Pool | PoolConnection): Statements {
  // query(), not execute(): our lists change their length all the time and would fill the server's
  // cache of prepared statements; LIMIT and numbers then mean the same to MySQL and MariaDB.
  const run = async (sql: string, values: readonly SqlValue[] = [], rowsAsArray = false) => {
    const [result] = await on.query({ sql, values: values as unknown[], rowsAsArray });
    return result;
  };
  return {
    async rows<T>(sql: string, values?: readonly SqlValue[]) {
      return (await run(sql, values)) as T[];
    },
    async arrays(sql, values) {
      return (await run(sql, values, true)) as unknown as unknown[][];
    },
    async change(sql, values) {
      return ((await run(sql, values)) as unknown as { affectedRows: number }).affectedRows;
    },
    async insert(sql, values) {
      const result = (await run(sql, values)) as unknown as { insertId: number; affectedRows: number };
      return { firstId: result.insertId, matched: result.affectedRows };
    },
  };
}

/** A statement outside a transaction that met a deadlock or a lock wait has changed nothing: it runs again. */
function triedAgain(on: Statements): Statements {
  const again =
    <Arguments extends unknown[], T>(run: (...given: Arguments) => Promise<T>) =>
    (...given: Arguments) =>
      tryAgain(() => run(...given));
  return { rows: on.rows, arrays: on.arrays, change: again(on.change), insert: again(on.insert) };
}

async function tryAgain<T>(work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      if (attempt >= TRIES || !TRY_AGAIN.has((error as { errno?: number }).errno ?? 0)) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, attempt * 20 * (0.5 + Math.random())));
  }
}

async function runTransaction<T>(pool: Pool, work: (statements: Statements) => Promise<T>): Promise<T> {
  return tryAgain(async () => {
    const connection = await pool.getConnection();
    let usable = true;
    try {
      await connection.query('START TRANSACTION');
      const value = await work(statementsOn(connection));
      await connection.query('COMMIT');
      return value;
    } catch (error) {
      usable = await connection.query('ROLLBACK').then(
        () => true,
        () => false,
      );
      throw error;
    } finally {
      if (usable) connection.release();
      else connection.destroy();
    }
  });
}
