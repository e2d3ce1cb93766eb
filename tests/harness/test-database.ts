import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import mysql from 'mysql2/promise';

/** A database of its own on the test server, with the tables of the old application. */
export interface TestDatabase {
  readonly name: string;
  /** For PUSHFLEET_MYSQL_URL. */
  readonly url: string;
  query<T = Record<string, unknown>>(sql: string, values?: unknown[]): Promise<T[]>;
  drop(): Promise<void>;
}

/** The old application's tables, as the sample of `pushfleet up` has them. */
const DOCTRINE = '../../apps/cli/sql/doctrine.sql';

/** @param schema SQL file beside this one */
export async function createTestDatabase(schema = DOCTRINE): Promise<TestDatabase> {
  const server = process.env.PUSHFLEET_TEST_MYSQL_URL;
  if (server === undefined)
    throw new Error('PUSHFLEET_TEST_MYSQL_URL is not set; run the tests with npm test');
  const name = `pf_${randomBytes(4).toString('hex')}`;
  const url = new URL(server);
  const first = await mysql.createConnection(url.href);
  await first.query(`CREATE DATABASE ${name} CHARACTER SET utf8mb4`);
  await first.end();
  url.pathname = `/${name}`;
  // One connection, so that transactions are possible; a pool, so that it outlives a restart of the server.
  const admin = mysql.createPool({ uri: url.href, multipleStatements: true, connectionLimit: 1 });
  await admin.query(readFileSync(fileURLToPath(new URL(schema, import.meta.url)), 'utf8'));
  return {
    name,
    url: url.href,
    async query<T>(sql: string, values?: unknown[]) {
      const [rows] = await admin.query(sql, values);
      return rows as T[];
    },
    async drop() {
      await admin.query(`DROP DATABASE ${name}`);
      await admin.end();
    },
  };
}
