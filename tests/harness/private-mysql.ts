import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type MysqlServer, startMysql } from '@pushfleet/local-servers/start-mysql';
import mysql from 'mysql2/promise';

/** A MySQL of this test file alone, for faults that are done to the server itself. */
export interface PrivateMysql {
  readonly url: string;
  readonly directory: string;
  /** As root, on a connection of its own. */
  query<T = Record<string, unknown>>(sql: string): Promise<T[]>;
  /** SIGKILL, SIGSTOP, SIGCONT … */
  kill(signal: NodeJS.Signals): Promise<void>;
  /** Once more on the same data and port. */
  start(): Promise<void>;
  stop(): Promise<void>;
}

/** Databases that are made from here on are made there. */
export async function startPrivateMysql(extraArgs: readonly string[] = []): Promise<PrivateMysql> {
  const directory = mkdtempSync(join(tmpdir(), 'pushfleet-mysql-'));
  const options = { dir: directory, fast: true, extraArgs };
  let server: MysqlServer = await startMysql(options);
  const { url, port } = server;
  process.env.PUSHFLEET_TEST_MYSQL_URL = url;
  return {
    url,
    directory,
    async query<T>(sql: string) {
      const connection = await mysql.createConnection({ uri: url, multipleStatements: true });
      try {
        return (await connection.query(sql))[0] as T[];
      } finally {
        await connection.end();
      }
    },
    kill: (signal) => server.kill(signal),
    async start() {
      server = await startMysql({ ...options, port });
    },
    async stop() {
      await server.kill('SIGCONT');
      await server.stop();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
