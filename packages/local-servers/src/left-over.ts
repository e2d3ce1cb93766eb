import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { LocalServerError } from './local-server.ts';
import { lookUpProcess, type ProcessEntry } from './process-table.ts';

/** The content of a pid file: which server runs in a directory, and which process of ours started it. */
export interface PidRecord {
  readonly pid: number;
  readonly startedBy: number;
}

export type Occupant = 'none' | 'left over' | 'in use';

/** Writes down who runs in a directory, for the next start to find. */
export function writePidFile(file: string, record: PidRecord): void {
  writeFileSync(file, `${record.pid} ${record.startedBy}\n`);
}

/**
 * Ends the server that an earlier, killed process of ours left running in `directory`, so that two servers
 * never share one data directory. A process that only has the old pid is not touched. Throws
 * LocalServerError if the server still belongs to a living process.
 */
export async function stopLeftOver(file: string, directory: string): Promise<void> {
  const record = readPidFile(file);
  if (record) {
    const occupant = judgeOccupant(record, lookUpProcess(record.pid), directory);
    if (occupant === 'in use') {
      throw new LocalServerError(
        `${directory} is in use: process ${record.startedBy} runs a server there (pid ${record.pid}). ` +
          'Stop that process first, or work in another directory.',
      );
    }
    if (occupant === 'left over') await end(record.pid, directory);
  }
  rmSync(file, { force: true });
}

/** A server is ours if its command line names the directory, and left over once it lost its parent. Pure. */
export function judgeOccupant(
  record: PidRecord,
  entry: ProcessEntry | undefined,
  directory: string,
): Occupant {
  if (!entry?.commandLine.includes(`${directory}/`)) return 'none';
  return entry.parentPid === record.startedBy ? 'in use' : 'left over';
}

function readPidFile(file: string): PidRecord | undefined {
  try {
    const [pid, startedBy] = readFileSync(file, 'utf8').trim().split(' ').map(Number);
    return pid && startedBy ? { pid, startedBy } : undefined;
  } catch {
    return undefined;
  }
}

/** SIGTERM, and SIGKILL after 10 s. */
async function end(pid: number, directory: string): Promise<void> {
  const isOurs = () => lookUpProcess(pid)?.commandLine.includes(`${directory}/`) ?? false;
  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    try {
      process.kill(pid, signal);
    } catch {
      return; // it ended by itself, or its watchdog was faster
    }
    for (let waitedMs = 0; waitedMs < 10_000; waitedMs += 50) {
      if (!isOurs()) return;
      await sleep(50);
    }
  }
  throw new LocalServerError(
    `the server left over in ${directory} (pid ${pid}) does not end; stop it by hand`,
  );
}
