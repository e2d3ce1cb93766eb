import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { executeCommands } from '@pushfleet/app-producer/execute-commands';
import { mysqlUrl } from '@pushfleet/shared/platform/mysql-url';
import { migrate } from '@pushfleet/shared/store/migrations';
import { type OpenStore, openStore } from '@pushfleet/shared/store/open-store';
import { Redis } from 'ioredis';
import { createTestDatabase, type TestDatabase } from './test-database.ts';

export const BINARY = fileURLToPath(new URL('../../apps/cli/bin/pushfleet.js', import.meta.url));

export interface Ran {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

interface RunOptions {
  /** In place of the settings that name the test's database. */
  readonly env?: Record<string, string>;
  readonly stdin?: string;
  readonly cwd?: string;
  /** Told all that it has printed so far, each time it prints. */
  readonly onOutput?: (stdout: string) => void;
}

/** The commands of the CLI on a database of its own, in a working directory without `.env`. */
export interface CommandLine {
  readonly database: TestDatabase;
  readonly store: OpenStore;
  readonly directory: string;
  run(args: readonly string[], options?: RunOptions): Promise<Ran>;
  /** What the command prints with `--json`; fails unless it ends with 0. */
  // biome-ignore lint/suspicious/noExplicitAny: tests look into it
  json(args: readonly string[]): Promise<any>;
  /** Empties all tables. */
  clear(): Promise<void>;
  close(): Promise<void>;
}

/** With the tables that `pushfleet migrate` makes. */
export async function openCommandLine(): Promise<CommandLine> {
  const directory = mkdtempSync(join(tmpdir(), 'pushfleet-cli-'));
  const database = await createTestDatabase();
  const run = (args: readonly string[], { env, stdin, cwd, onOutput }: RunOptions = {}) =>
    runBinary(args, cwd ?? directory, env ?? { PUSHFLEET_MYSQL_URL: database.url }, stdin, onOutput);
  const store = await openStore({
    PUSHFLEET_MYSQL_URL: mysqlUrl.parse(database.url),
    PUSHFLEET_MYSQL_PASSWORD: undefined,
    PUSHFLEET_MYSQL_CA_FILE: undefined,
    PUSHFLEET_STATE_DATABASE: undefined,
    PUSHFLEET_SCHEMA_FILE: undefined,
  });
  await migrate(store.database, store.tables, store.backend);
  return {
    database,
    store,
    directory,
    run,
    async json(args) {
      const { stdout, stderr, exitCode } = await run(args);
      if (exitCode !== 0) throw new Error(stderr);
      return JSON.parse(stdout);
    },
    async clear() {
      const own = ['request', 'dispatch', 'batch', 'outcome', 'retirement', 'command', 'app'];
      for (const table of ['notification', 'token', ...own.map((name) => `pushfleet_${name}`)])
        await database.query(`DELETE FROM ${table}`);
    },
    async close() {
      await store.close();
      await database.drop();
      rmSync(directory, { recursive: true });
    },
  };
}

function runBinary(
  args: readonly string[],
  cwd: string,
  environment: Record<string, string>,
  stdin = '',
  onOutput: (stdout: string) => void = () => {},
): Promise<Ran> {
  const child = spawn(process.execPath, [BINARY, ...args], {
    cwd,
    env: { PATH: process.env.PATH, ...environment },
  });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => {
    stdout += chunk.toString();
    onOutput(stdout);
  });
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  child.stdin.end(stdin);
  return new Promise((resolve) => {
    child.on('close', (exitCode) => resolve({ exitCode, stdout, stderr }));
  });
}

/** Executes operators' commands as a producer does, until it is stopped. */
export function answerCommands(store: OpenStore): { stop(): Promise<void> } {
  let stopped = false;
  const log = { info() {}, warn() {} };
  const rules = { defaultApp: 'shop' };
  const config = {
    PUSHFLEET_TIMEZONE: 'UTC',
    PUSHFLEET_MAX_AGE: 86_400_000,
    PUSHFLEET_REDIS_PREFIX: `c${randomBytes(4).toString('hex')}`,
  };
  const redis = new Redis(process.env.PUSHFLEET_TEST_REDIS_URL!);
  const answering = (async () => {
    while (!stopped) {
      await executeCommands(
        { store, log, rules, config, redis, fleet: 'test', queues: [] } as never,
        () => {},
      );
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  })();
  return {
    stop() {
      stopped = true;
      return answering.finally(() => redis.disconnect());
    },
  };
}
