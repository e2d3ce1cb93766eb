import { existsSync, mkdirSync, readdirSync, renameSync, rmdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { MysqlBinary } from './find-servers.ts';
import { LocalServerError } from './local-server.ts';
import { runCommand } from './run-command.ts';

/**
 * Makes the data directory on the first start: a root without a password and nothing else. It is made
 * under another name and renamed, so that a start that was cut off leaves no half directory behind.
 * Throws LocalServerError with what the program said.
 */
export async function ensureDataDirectory(
  program: MysqlBinary,
  directory: string,
  asRoot: boolean,
): Promise<void> {
  const data = join(directory, 'data');
  if (existsSync(data) && readdirSync(data).length > 0) return;

  const unfinished = join(directory, 'data.unfinished');
  rmSync(unfinished, { recursive: true, force: true });
  mkdirSync(unfinished, { mode: 0o700 });
  const [command, ...args] = initCommand(program, unfinished, join(directory, 'tmp'), asRoot);
  const { code, output } = await runCommand(command!, args);
  if (code !== 0) {
    throw new LocalServerError(
      `${command} could not make a data directory in ${directory} (exit ${code}). It said:\n` +
        `${output.trim().slice(-2_000)}\n${program.flavour === 'mysql' ? APPARMOR_HINT : ''}`.trim(),
    );
  }
  if (existsSync(data)) rmdirSync(data);
  renameSync(unfinished, data);
}

const APPARMOR_HINT =
  'On Ubuntu AppArmor keeps mysqld out of directories that are not its own; install mariadb-server-core instead.';

/** The command that fills an empty data directory. Pure. */
export function initCommand(
  program: MysqlBinary,
  data: string,
  temporary: string,
  asRoot: boolean,
): string[] {
  const common = [
    '--no-defaults',
    `--datadir=${data}`,
    `--tmpdir=${temporary}`,
    ...(asRoot ? ['--user=root'] : []),
  ];
  if (program.flavour === 'mysql') return [program.path, ...common, '--initialize-insecure'];
  return [
    program.installer!,
    ...common,
    // Debian's default lets root in through the socket only, and only as the system's root.
    '--auth-root-authentication-method=normal',
    '--skip-test-db',
    '--skip-name-resolve',
  ];
}
