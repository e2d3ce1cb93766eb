import { realpathSync, type StatsFs, statfsSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Environment } from './config.ts';
import type { Log } from './log.ts';
import { SECRETS, type SettingName } from './settings.ts';

/** One file or directory, as far as the rules look at it. */
export interface Mode {
  readonly path: string;
  /** Permission bits, sticky bit included. */
  readonly mode: number;
}

export interface SecretFile {
  readonly file: Mode;
  /** All directories above it, the nearest first. */
  readonly directories: readonly Mode[];
  /** Where reading by others is no fault; null on a disk. */
  readonly keptBy: 'memory' | 'docker' | 'systemd' | null;
}

const GROUP_OR_OTHERS_WRITE = 0o022;
const GROUP_OR_OTHERS_ENTER = 0o011;
const OTHERS_READ = 0o004;
const STICKY = 0o1000;

/** tmpfs and ramfs: Kubernetes keeps secrets there, and nothing of them is left on a disk or in a backup. */
const IN_MEMORY: ReadonlySet<number> = new Set([0x01021994, 0x858458f6]);

/**
 * What is wrong with the rights of a file that holds a secret, each with the command that mends it.
 * - Nobody else may write it, nor replace it in its directory: who can, chooses our credential.
 * - Nobody else may read it on a disk. In memory, and below `/run/secrets` (Docker) and systemd's
 *   credentials directory, the mount says who sees it, and the mode is often 0444. A group may read: that
 *   is how a service user gets a file of root's.
 * A directory that nobody else may enter closes all that is below it.
 */
export function permissionFaults({ file, directories, keptBy }: SecretFile): string[] {
  if (directories.some(({ mode }) => (mode & GROUP_OR_OTHERS_ENTER) === 0)) return [];
  const faults: string[] = [];
  if ((file.mode & GROUP_OR_OTHERS_WRITE) !== 0)
    faults.push(`${file.path} may be written by others; run: chmod go-w ${shellQuoted(file.path)}`);
  for (const { path, mode } of directories)
    if ((mode & GROUP_OR_OTHERS_WRITE) !== 0 && (mode & STICKY) === 0)
      faults.push(
        `${file.path} may be replaced by others, who may write ${path}; run: chmod go-w ${shellQuoted(path)}`,
      );
  if (keptBy === null && (file.mode & OTHERS_READ) !== 0)
    faults.push(`${file.path} may be read by others; run: chmod o= ${shellQuoted(file.path)}`);
  return faults;
}

/** Warns of each file of a secret (`PUSHFLEET_…_FILE`) among these settings that others may write or read. */
export function warnOfOpenFiles(names: readonly SettingName[], environment: Environment, log: Log): void {
  for (const name of names.filter((one) => SECRETS.includes(one))) {
    const path = environment[`${name}_FILE`];
    if (path === undefined || path.trim() === '') continue;
    for (const fault of permissionFaults(readSecretFile(path, environment)))
      log.warn({ event: 'credential.open', setting: `${name}_FILE` }, `${name}_FILE: ${fault}`);
  }
}

function readSecretFile(path: string, environment: Environment): SecretFile {
  const real = realpathSync(path);
  return {
    file: modeOf(real),
    directories: directoriesAbove(real).map(modeOf),
    keptBy: keeperOf(path, real, environment),
  };
}

function keeperOf(path: string, real: string, environment: Environment): SecretFile['keptBy'] {
  const isBelow = (directory: string) => path.startsWith(`${directory}/`) || real.startsWith(`${directory}/`);
  if (isBelow('/run/secrets')) return 'docker';
  const credentials = environment.CREDENTIALS_DIRECTORY;
  if (isBelow('/run/credentials') || (credentials && isBelow(credentials))) return 'systemd';
  const { type }: StatsFs = statfsSync(real);
  return IN_MEMORY.has(type) ? 'memory' : null;
}

function directoriesAbove(path: string): string[] {
  const above = dirname(path);
  return above === path ? [] : [above, ...directoriesAbove(above)];
}

function modeOf(path: string): Mode {
  return { path, mode: statSync(path).mode & 0o7777 };
}

/** A path as a word for a shell. */
export function shellQuoted(path: string): string {
  return /^[\w/.+-]+$/.test(path) ? path : `'${path.replaceAll("'", `'\\''`)}'`;
}
