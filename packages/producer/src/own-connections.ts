import { type Connection, promised, type Sql, sqlOn } from './connection.ts';
import { ProducerOptionsError } from './errors.ts';
import { openPool, type Pool, type PoolConnection, poolOptions } from './open-pool.ts';

/** Lock wait timeout, deadlock, "record has changed since last read": MySQL asks for another try. */
const TRY_AGAIN = new Set([1205, 1213, 1020]);
const TRIES = 4;

/** The connections that the producer takes when the caller gives none: a pool of the backend's, or one of its own. */
export class OwnConnections {
  readonly #given: string | Pool;
  #own: Promise<Pool> | undefined;

  /** @throws ProducerOptionsError */
  constructor(given: string | object) {
    if (typeof given === 'string') {
      poolOptions(given);
      this.#given = given;
      return;
    }
    const pool = promised(given) as Partial<Pool>;
    if (typeof pool.getConnection !== 'function')
      throw new ProducerOptionsError(
        'mysql must be a mysql2 pool or a mysql:// URL; a single connection goes to enqueue as { connection }',
      );
    this.#given = pool as Pool;
  }

  /** Runs `work` outside a transaction. */
  async read<T>(work: (sql: Sql) => Promise<T>): Promise<T> {
    const connection = await (await this.#pool()).getConnection();
    try {
      return await work(sqlOn(promised(connection) as Connection));
    } finally {
      connection.release();
    }
  }

  /** Runs `work` in one READ COMMITTED transaction, again from the start where MySQL asks for it. */
  async transaction<T>(work: (sql: Sql) => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      const connection = await (await this.#pool()).getConnection();
      try {
        return await inTransaction(connection, work);
      } catch (error) {
        if (attempt >= TRIES || !TRY_AGAIN.has((error as { errno?: number }).errno ?? 0)) throw error;
      }
      await new Promise((resolve) => setTimeout(resolve, attempt * 20 * (0.5 + Math.random())));
    }
  }

  /** Closes the pool that this opened, never the backend's own. */
  async close(): Promise<void> {
    if (this.#own !== undefined) await (await this.#own.catch(() => undefined))?.end();
  }

  #pool(): Promise<Pool> {
    if (typeof this.#given !== 'string') return Promise.resolve(this.#given);
    if (this.#own === undefined) {
      this.#own = openPool(this.#given);
      // A server that was away once may be back: the next call tries again.
      this.#own.catch(() => {
        this.#own = undefined;
      });
    }
    return this.#own;
  }
}

async function inTransaction<T>(given: PoolConnection, work: (sql: Sql) => Promise<T>): Promise<T> {
  const sql = sqlOn(promised(given) as Connection);
  let isClean = false;
  try {
    // For this transaction alone: the backend's pool keeps its own level.
    await sql.run('SET TRANSACTION ISOLATION LEVEL READ COMMITTED');
    await sql.run('START TRANSACTION');
    const value = await work(sql);
    await sql.run('COMMIT');
    isClean = true;
    return value;
  } catch (error) {
    isClean = await sql.run('ROLLBACK').then(
      () => true,
      () => false,
    );
    throw error;
  } finally {
    if (isClean || given.destroy === undefined) given.release();
    else given.destroy();
  }
}
