import { createHash } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** What the command line of mariadbd or mysqld depends on. */
export interface MysqlArguments {
  readonly flavour: 'mariadb' | 'mysql';
  readonly directory: string;
  readonly port: number;
  /** Running as root, which the servers refuse unless told. */
  readonly asRoot: boolean;
  readonly fast: boolean;
  readonly bufferPool: string;
  readonly extraArgs: readonly string[];
}

/** sun_path is 108 bytes on Linux and 104 on macOS, the closing zero included. */
const LONGEST_SOCKET_PATH = 103;

/** The server's socket: in its directory, or under a short name where that path would be too long. */
export function socketPathFor(directory: string, temporary = tmpdir()): string {
  const inside = join(directory, 'mysql.sock');
  if (Buffer.byteLength(inside) <= LONGEST_SOCKET_PATH) return inside;
  const hash = createHash('sha256').update(directory).digest('hex').slice(0, 12);
  const short = join(temporary, `pushfleet-${hash}.sock`);
  return Buffer.byteLength(short) <= LONGEST_SOCKET_PATH ? short : join('/tmp', `pushfleet-${hash}.sock`);
}

/** The file in which the server writes its process id as soon as it listens. */
export function readyFileFor(directory: string): string {
  return join(directory, 'mysql.ready');
}

/** The command line of the server. Pure but for the temporary directory's name. */
export function mysqlArguments(options: MysqlArguments): string[] {
  const { directory } = options;
  return [
    '--no-defaults', // must be first; else /etc/mysql and ~/.my.cnf would have a say
    `--datadir=${join(directory, 'data')}`,
    `--tmpdir=${join(directory, 'tmp')}`,
    `--socket=${socketPathFor(directory)}`,
    `--pid-file=${readyFileFor(directory)}`,
    `--port=${options.port}`,
    '--bind-address=127.0.0.1',
    ...(options.asRoot ? ['--user=root'] : []),
    // MySQL knows 127.0.0.1 as localhost without asking a name server; its only root is root@localhost.
    ...(options.flavour === 'mariadb' ? ['--skip-name-resolve'] : ['--mysqlx=OFF']),
    ...sizeArguments(options.bufferPool),
    // An answer within the last second may be lost when the machine dies, none when only the server does.
    ...(options.fast ? ['--innodb-flush-log-at-trx-commit=2'] : []),
    ...options.extraArgs,
  ];
}

/** Small, and without what costs memory or writes twice; for a container and a local server alike. */
export function sizeArguments(bufferPool: string): string[] {
  return [
    '--skip-log-bin',
    '--performance-schema=OFF',
    `--innodb-buffer-pool-size=${bufferPool}`,
    '--max-connections=500',
    '--character-set-server=utf8mb4',
    '--max-allowed-packet=64M',
  ];
}
