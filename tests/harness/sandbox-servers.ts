import { type ChildProcess, execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import mysql from 'mysql2/promise';
import type { Sandbox } from './sandbox.ts';
import { untilTrue } from './wait.ts';

/** A MariaDB and a Redis of this machine, on the usual ports of one address in a sandbox. */
export interface SandboxServers {
  /** As root, over the socket: the network cannot be reached from here. */
  query(sql: string, database?: string): Promise<Record<string, unknown>[]>;
  stop(): Promise<void>;
}

/** @param redisArguments as the compose file gives them to `redis-server` */
export async function startServersIn(
  sandbox: Sandbox,
  address: string,
  redisArguments: readonly string[],
): Promise<SandboxServers> {
  const directory = mkdtempSync(join(tmpdir(), 'pushfleet-servers-'));
  const data = join(directory, 'mysql');
  const socketPath = join(directory, 'mysql.sock');
  for (const name of ['mysql', 'tmp', 'redis']) mkdirSync(join(directory, name));
  execFileSync(
    'mariadb-install-db',
    [
      '--no-defaults',
      '--user=root',
      `--datadir=${data}`,
      '--auth-root-authentication-method=normal',
      '--skip-test-db',
    ],
    { stdio: 'ignore' },
  );
  const children: ChildProcess[] = [
    sandbox.spawn([
      ...[
        'mariadbd',
        '--no-defaults',
        '--user=root',
        `--datadir=${data}`,
        `--tmpdir=${join(directory, 'tmp')}`,
      ],
      ...[`--socket=${socketPath}`, `--bind-address=${address}`, '--port=3306'],
    ]),
    sandbox.spawn([
      ...['redis-server', '--bind', address, '--port', '6379', '--dir', join(directory, 'redis')],
      ...redisArguments,
    ]),
  ];
  for (const child of children) for (const stream of [child.stdout!, child.stderr!]) stream.resume();
  const query = async (sql: string, database = 'mysql') => {
    const connection = await mysql.createConnection({
      socketPath,
      user: 'root',
      database,
      multipleStatements: true,
    });
    try {
      return (await connection.query(sql))[0] as Record<string, unknown>[];
    } finally {
      await connection.end();
    }
  };
  await untilTrue(
    () =>
      query('SELECT 1').then(
        () => true,
        () => false,
      ),
    (answers) => answers,
    60_000,
  );
  return {
    query,
    async stop() {
      const ended = children.map((child) => child.exitCode ?? child.signalCode ?? once(child, 'close'));
      for (const child of children) child.kill('SIGKILL');
      await Promise.all(ended);
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
