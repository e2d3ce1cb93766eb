import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { findMysql, type MysqlBinary, type MysqlProgram } from './find-servers.ts';
import {
  type BinaryCommand,
  type ContainerCommand,
  freeDirectory,
  launch,
  prepareDirectory,
} from './launch.ts';
import { type LocalServer, MissingProgramError } from './local-server.ts';
import { mysqlArguments, readyFileFor, sizeArguments, socketPathFor } from './mysql-arguments.ts';
import { ensureDataDirectory } from './mysql-data-directory.ts';
import { readHandshake } from './mysql-handshake.ts';

export interface MysqlOptions {
  /** Data, socket, log and pid file; made if missing. Starting again here continues with the same data. */
  readonly dir: string;
  /** Default: a free one. */
  readonly port?: number;
  /** Further options of the server, such as `['--innodb-lock-wait-timeout=5']`; they win over ours. */
  readonly extraArgs?: readonly string[];
  /** For tests: commits survive the server's death but perhaps not the machine's. Default false. */
  readonly fast?: boolean;
  /** InnoDB's buffer pool. Default `64M`. */
  readonly bufferPool?: string;
  /** Default: the one found on this machine. */
  readonly program?: MysqlProgram;
}

/** `url` is `mysql://root@127.0.0.1:PORT/`: root without a password, no database chosen. */
export interface MysqlServer extends LocalServer {
  /** Undefined in a container. */
  readonly socketPath: string | undefined;
}

/**
 * Starts a private MariaDB or MySQL on 127.0.0.1, making its data directory on the first start.
 * Throws MissingProgramError without a server, LocalServerError if it does not start.
 */
export async function startMysql(options: MysqlOptions): Promise<MysqlServer> {
  const program = options.program ?? findMysql();
  if (!program) {
    throw new MissingProgramError(
      'neither MariaDB nor MySQL is installed; install one, or give PUSHFLEET_MYSQL_URL',
    );
  }

  const directory = prepareDirectory(options.dir);
  mkdirSync(join(directory, 'tmp'), { recursive: true, mode: 0o700 });
  await freeDirectory('mysql', directory);
  rmSync(readyFileFor(directory), { force: true }); // of a server that was killed
  const asRoot = process.getuid?.() === 0;
  if (program.kind === 'binary') await ensureDataDirectory(program, directory, asRoot);

  const server = await launch({
    name: program.kind === 'binary' && program.flavour === 'mysql' ? 'MySQL' : 'MariaDB',
    kind: 'mysql',
    directory,
    port: options.port,
    command: (port) =>
      program.kind === 'binary'
        ? binaryCommand(program, directory, port, asRoot, options)
        : containerCommand(program.image, directory, options),
    async probe(port, child) {
      // The file is written once the server listens; without it a stranger on the port would pass for ours.
      if (program.kind === 'binary' && readPid(readyFileFor(directory)) !== child.pid) return false;
      return (await readHandshake(port)).kind === 'greeting';
    },
    url: (port) => `mysql://root@127.0.0.1:${port}/`,
  });
  return { ...server, socketPath: program.kind === 'binary' ? socketPathFor(directory) : undefined };
}

function binaryCommand(
  program: MysqlBinary,
  directory: string,
  port: number,
  asRoot: boolean,
  { fast = false, bufferPool = '64M', extraArgs = [] }: MysqlOptions,
): BinaryCommand {
  const { path, flavour } = program;
  return { path, args: mysqlArguments({ flavour, directory, port, asRoot, fast, bufferPool, extraArgs }) };
}

function containerCommand(image: string, directory: string, options: MysqlOptions): ContainerCommand {
  return {
    image,
    innerPort: 3306,
    dataDirectory: join(directory, 'data'),
    innerDirectory: '/var/lib/mysql',
    // Read by the image's own start script, which makes the data directory.
    environment: { MARIADB_ALLOW_EMPTY_ROOT_PASSWORD: '1', MARIADB_ROOT_HOST: '%' },
    args: [...sizeArguments(options.bufferPool ?? '64M'), ...(options.extraArgs ?? [])],
  };
}

function readPid(file: string): number | undefined {
  try {
    return Number(readFileSync(file, 'utf8'));
  } catch {
    return undefined;
  }
}
