import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Servers are often outside a user's PATH: Debian has them in sbin, Red Hat in libexec, Homebrew in its prefix. */
const USUAL_DIRECTORIES: readonly string[] = [
  '/usr/bin',
  '/usr/sbin',
  '/usr/libexec',
  '/usr/local/bin',
  '/usr/local/sbin',
  ...['/opt/homebrew', '/usr/local', '/home/linuxbrew/.linuxbrew'].flatMap((prefix) => [
    `${prefix}/bin`,
    // A formula can be installed without being linked into bin.
    ...['redis', 'valkey', 'mariadb', 'mysql'].map((formula) => `${prefix}/opt/${formula}/bin`),
  ]),
  '/usr/local/mysql/bin',
];

/** Directories to look in for a program: those of PATH first, then the usual ones, each once. */
export function searchDirectories(path = process.env.PATH ?? ''): string[] {
  return [...new Set([...path.split(delimiter).filter(Boolean), ...USUAL_DIRECTORIES])];
}

/**
 * The path of the first of `names` that is an executable file in one of `directories`.
 * The order of names wins over the order of directories.
 */
export function findExecutable(
  names: readonly string[],
  directories: readonly string[] = searchDirectories(),
): string | undefined {
  for (const name of names) {
    const path = directories.map((directory) => join(directory, name)).find(isExecutable);
    if (path) return path;
  }
  return undefined;
}

/** Whether the path is a file that we may execute. */
export function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
