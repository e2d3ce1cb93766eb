import { existsSync, linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { lookUpProcess } from '@pushfleet/local-servers/process-table';
import { CommandFailure } from '../failure.ts';

/** Everything that `up` keeps: `.pushfleet` in the working directory. */
export interface StateDirectory {
  /** Absolute. */
  readonly path: string;
  /** Absolute path of something inside. */
  file(...names: string[]): string;
  /** Lets the next `up` in. */
  release(): void;
}

/** What we write down of a process, so that a later one with its pid is not taken for it. */
interface ProcessRecord {
  readonly pid: number;
  readonly commandLine: string;
}

/**
 * Takes the directory for this process, makes it if it is missing, and ends processes that an `up` which was
 * killed has left behind.
 *
 * @throws CommandFailure where another `up` runs in it
 */
export async function takeStateDirectory(
  workingDirectory: string,
  say: (line: string) => void,
): Promise<StateDirectory> {
  const path = join(workingDirectory, '.pushfleet');
  const file = (...names: string[]) => join(path, ...names);
  for (const directory of [path, file('logs'), file('run')])
    mkdirSync(directory, { recursive: true, mode: 0o700 });
  const lock = file('up.pid');
  takeLock(lock);
  const release = () => rmSync(lock, { force: true });
  try {
    const ended = await endLeftOvers(file('run'));
    if (ended > 0) say(`an earlier run was killed; ended ${ended} of its processes`);
  } catch (error) {
    release();
    throw error;
  }
  return { path, file, release };
}

/** Writes down a process that the next `up` must end if we cannot. */
export function recordProcess(file: string, pid: number): void {
  writeFileSync(file, JSON.stringify({ pid, commandLine: lookUpProcess(pid)?.commandLine ?? '' }));
}

function takeLock(lock: string): void {
  const own = `${lock}.${process.pid}`;
  recordProcess(own, process.pid);
  try {
    for (let attempt = 1; attempt <= 3; attempt++) {
      const holder = readRecord(lock);
      if (holder !== undefined && holder.pid !== process.pid && isAlive(holder))
        throw new CommandFailure(
          `pushfleet up runs in this directory already (process ${holder.pid}); stop it first, or start in another directory`,
        );
      rmSync(lock, { force: true });
      try {
        linkSync(own, lock); // fails where somebody was faster, and the file is whole from the start
        return;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      }
    }
    throw new CommandFailure('another pushfleet up is starting in this directory; stop one of them');
  } finally {
    rmSync(own, { force: true });
  }
}

/** @returns how many were still running */
async function endLeftOvers(directory: string): Promise<number> {
  const recorded = PROCESS_FILES.map((name) => join(directory, name)).filter((file) => existsSync(file));
  const living = recorded.map(readRecord).filter((record) => record !== undefined && isAlive(record));
  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    for (const record of living) if (isAlive(record!)) signalProcess(record!.pid, signal);
    // The watchdog of each has sent it SIGTERM already; a worker may still be handing its work back.
    for (let waitedMs = 0; waitedMs < 10_000 && living.some((record) => isAlive(record!)); waitedMs += 50)
      await sleep(50);
  }
  for (const file of recorded) rmSync(file, { force: true });
  return living.length;
}

/** Names of the files in `run/`: fixed, since there are ever only these processes. */
export const PROCESS_FILES: readonly string[] = ['producer.pid', 'worker-1.pid', 'worker-2.pid', 'board.pid'];

function readRecord(file: string): ProcessRecord | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as ProcessRecord;
  } catch {
    return undefined;
  }
}

function isAlive({ pid, commandLine }: ProcessRecord): boolean {
  return lookUpProcess(pid)?.commandLine === commandLine;
}

function signalProcess(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It has just ended.
  }
}
