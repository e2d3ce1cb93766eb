import { createPool, type Pool, type PoolConnection, type PoolOptions, type QueryOptions } from 'mysql2';
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
  /** A transaction will come in a moment: has a connection for it ready by then, where that can be. */
  expectTransaction(): void;
  close(): Promise<void>;
}

export interface DatabaseOptions {
  readonly target: MysqlTarget;
  readonly password?: string;
  /** PEM of the server's CA. */
  readonly ca?: string;
  readonly connections?: number;
  /** A statement without an answer for so long ends, and its connection with it. Default 30 s. */
  readonly answerWithinMs?: number;
  /** Every transaction is READ ONLY: the server refuses whatever would change something. */
  readonly readOnly?: boolean;
}

/** Lock wait timeout, deadlock, "record has changed since last read" (MariaDB's snapshot isolation). */
const TRY_AGAIN: ReadonlySet<number> = new Set([1205, 1213, 1020]);
const TRIES = 6;

/**
 * The server refuses writes: after a failover it is the replica now. A connection that stays there would be
 * refused for ever; a new one finds the new primary.
 */
const NO_PRIMARY: ReadonlySet<number> = new Set([1290, 1792, 1836]);

/** A server that fell silent (failover, cut line) closes nothing. No statement of ours takes nearly as long. */
const ANSWER_WITHIN_MS = 30_000;
const CLOSE_WITHIN_MS = 1_000;

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
    // Closed by us before the server's wait_timeout does it; looked at each second.
    maxIdle: 2,
    idleTimeout: 4_000,
  });
  const open = new Set<PoolConnection>();
  const access = options.readOnly === true ? ['SET SESSION TRANSACTION READ ONLY'] : [];
  const timeout = options.answerWithinMs ?? ANSWER_WITHIN_MS;
  prepareConnections(plain, open, timeout, [...access, COMMON_SETTINGS]);
  const ofTransactions = [COMMON_SETTINGS, STOPPED_PROCESS_SETTINGS, BEGIN_BY_THEMSELVES].join(', ');
  prepareConnections(transactions, open, timeout, [...access, ofTransactions]);
  // By its callbacks: for promises mysql2 takes a stack trace of every statement, a sixth of what a statement costs.
  const run: RunOn = (connection, statement) =>
    new Promise((resolve, reject) => {
      connection.query({ ...statement, timeout }, (error, result) =>
        error ? reject(error) : resolve(result),
      );
    });
  return {
    name: options.target.database,
    ...triedAgain(statementsOn((statement) => onOwnConnection(plain, run, statement))),
    transaction: (work) => runTransaction(transactions, run, work),
    expectTransaction() {
      takeConnection(transactions).then(
        (connection) => connection.release(),
        () => {}, // the transaction is told
      );
    },
    async close() {
      const ended = Promise.allSettled([plain, transactions].map((pool) => pool.promise().end()));
      await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, CLOSE_WITHIN_MS).unref())]);
      for (const connection of open) connection.destroy();
    },
  };
}

const COMMON_SETTINGS = "SET SESSION time_zone = '+00:00', innodb_lock_wait_timeout = 2";
/** Also in the middle of a statement that is half sent, or of rows that are half read. */
const STOPPED_PROCESS_SETTINGS = 'wait_timeout = 8, net_read_timeout = 8, net_write_timeout = 8';

/** The first statement after a COMMIT begins the next transaction: a round trip less, which an alert waits for. */
const BEGIN_BY_THEMSELVES = 'autocommit = 0';

/** Settles when the settings of a connection are made. Without one of them it would not do what we rely on. */
const prepared = new WeakMap<PoolConnection, Promise<unknown>>();

function prepareConnections(
  pool: Pool,
  open: Set<PoolConnection>,
  timeout: number,
  settings: readonly string[],
): void {
  pool.on('connection', (connection) => {
    open.add(connection);
    connection.on('end', () => open.delete(connection));
    connection.on('error', () => open.delete(connection));
    const done = Promise.all(
      ['SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED', ...settings].map(
        (statement) =>
          new Promise<void>((resolve, reject) => {
            connection.query({ sql: statement, timeout }, (error) => (error ? reject(error) : resolve()));
          }),
      ),
    );
    done.catch(() => {}); // whoever takes the connection is told
    prepared.set(connection, done);
  });
}

async function takeConnection(pool: Pool): Promise<PoolConnection> {
  const connection = await new Promise<PoolConnection>((resolve, reject) => {
    pool.getConnection((error, taken) => (error ? reject(error) : resolve(taken)));
  });
  try {
    await prepared.get(connection);
    return connection;
  } catch (error) {
    connection.destroy();
    throw error;
  }
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
    await probe.promise().query('SELECT 1');
    return ssl;
  } catch (error) {
    if ((error as { code?: string }).code === 'HANDSHAKE_NO_SSL_SUPPORT') return undefined;
    throw error;
  } finally {
    await probe
      .promise()
      .end()
      .catch(() => {});
  }
}

type Run = (statement: QueryOptions) => Promise<unknown>;
type RunOn = (connection: PoolConnection, statement: QueryOptions) => Promise<unknown>;

async function onOwnConnection(pool: Pool, run: RunOn, statement: QueryOptions): Promise<unknown> {
  const connection = await takeConnection(pool);
  let usable = true;
  try {
    return await run(connection, statement);
  } catch (error) {
    usable = !isConnectionOfNoUse(error);
    throw error;
  } finally {
    if (usable) connection.release();
    else connection.destroy();
  }
}

/** After such an error the next statement would fare no better there, or wait behind the one that hangs. */
function isConnectionOfNoUse(error: unknown): boolean {
  const { code, errno } = error as { code?: string; errno?: number };
  return code === 'PROTOCOL_SEQUENCE_TIMEOUT' || NO_PRIMARY.has(errno ?? 0);
}

function statementsOn(run: Run): Statements {
  // query(), not execute(): our lists change their length all the time and would fill the server's
  // cache of prepared statements; LIMIT and numbers then mean the same to MySQL and MariaDB.
  const ask = (sql: string, values: readonly SqlValue[] = [], rowsAsArray = false) =>
    run({ sql, values: values as unknown[], rowsAsArray });
  return {
    async rows<T>(sql: string, values?: readonly SqlValue[]) {
      return (await ask(sql, values)) as T[];
    },
    async arrays(sql, values) {
      return (await ask(sql, values, true)) as unknown[][];
    },
    async change(sql, values) {
      return ((await ask(sql, values)) as { affectedRows: number }).affectedRows;
    },
    async insert(sql, values) {
      const result = (await ask(sql, values)) as { insertId: number; affectedRows: number };
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

async function runTransaction<T>(
  pool: Pool,
  run: RunOn,
  work: (statements: Statements) => Promise<T>,
): Promise<T> {
  return tryAgain(async () => {
    const connection = await takeConnection(pool);
    let usable = true;
    let isOver = false;
    // What `work` left running would begin a transaction of its own behind the ROLLBACK, for the next one to commit.
    const on = statementsOn((statement) =>
      isOver ? Promise.reject(new Error('its transaction is over')) : run(connection, statement),
    );
    try {
      const value = await work(on);
      isOver = true;
      await run(connection, { sql: 'COMMIT' });
      return value;
    } catch (error) {
      isOver = true;
      usable = !isConnectionOfNoUse(error) && (await isRolledBack(run(connection, { sql: 'ROLLBACK' })));
      throw error;
    } finally {
      if (usable) connection.release();
      else connection.destroy();
    }
  });
}

function isRolledBack(rollback: Promise<unknown>): Promise<boolean> {
  return rollback.then(
    () => true,
    () => false,
  );
}
