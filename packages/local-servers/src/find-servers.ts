import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { findExecutable, isExecutable, searchDirectories } from './find-executable.ts';

/** A server that runs in a container, where nothing else could be had. */
export interface DockerProgram {
  readonly kind: 'docker';
  readonly image: string;
}

/** redis-server or valkey-server on this machine. */
export interface RedisBinary {
  readonly kind: 'binary';
  readonly path: string;
}

/** mariadbd or mysqld on this machine; `installer` is MariaDB's script that makes a data directory. */
export interface MysqlBinary {
  readonly kind: 'binary';
  readonly path: string;
  readonly flavour: 'mariadb' | 'mysql';
  readonly installer?: string;
}

export type RedisProgram = RedisBinary | DockerProgram;
export type MysqlProgram = MysqlBinary | DockerProgram;

/** The Redis or Valkey server of this machine, if there is one. */
export function findRedis(directories = searchDirectories()): RedisBinary | undefined {
  const path = findExecutable(['redis-server', 'valkey-server'], directories);
  return path ? { kind: 'binary', path } : undefined;
}

/**
 * The MariaDB or MySQL server of this machine, if there is a complete one. MariaDB is preferred: on Ubuntu
 * AppArmor keeps mysqld away from directories that are not its own.
 */
export function findMysql(directories = searchDirectories()): MysqlBinary | undefined {
  const path = findExecutable(['mariadbd', 'mysqld'], directories);
  if (!path) return undefined;
  const flavour = flavourOf(
    spawnSync(path, ['--no-defaults', '--version'], { encoding: 'utf8' }).stdout ?? '',
  );
  if (flavour === 'mysql') return { kind: 'binary', path, flavour };

  const installer = findInstaller([dirname(path), ...directories]);
  return installer ? { kind: 'binary', path, flavour, installer } : undefined;
}

/** Which of the two a `--version` line is from. MariaDB's names itself, in every version. */
export function flavourOf(versionLine: string): 'mariadb' | 'mysql' {
  return /mariadb/i.test(versionLine) ? 'mariadb' : 'mysql';
}

/** Debian has the script and the my_print_defaults that it calls in two packages; alone it is of no use. */
function findInstaller(directories: readonly string[]): string | undefined {
  const script = findExecutable(['mariadb-install-db', 'mysql_install_db'], directories);
  if (!script) return undefined;
  const beside = isExecutable(join(dirname(script), 'my_print_defaults'));
  return beside || findExecutable(['my_print_defaults'], directories) ? script : undefined;
}
