import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

/** What the operating system tells of a process. */
export interface ProcessEntry {
  readonly pid: number;
  readonly parentPid: number;
  readonly commandLine: string;
}

/** Looks a process up; undefined if there is none (a zombie counts as none). */
export function lookUpProcess(pid: number): ProcessEntry | undefined {
  return process.platform === 'linux' ? fromProc(pid) : fromPs(pid);
}

/** Every process that we may see. */
export function listProcesses(): ProcessEntry[] {
  if (process.platform === 'linux') {
    const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
    return pids.flatMap((pid) => fromProc(Number(pid)) ?? []);
  }
  const { stdout } = spawnSync('ps', ['-axww', '-o', 'pid=,ppid=,command='], { encoding: 'utf8' });
  return parsePs(stdout ?? '');
}

/** Reads `ps -o pid=,ppid=,command=`. Pure. */
export function parsePs(text: string): ProcessEntry[] {
  return [...text.matchAll(/^\s*(\d+)\s+(\d+)\s+(.+)$/gm)].map(([, pid, parentPid, commandLine]) => ({
    pid: Number(pid),
    parentPid: Number(parentPid),
    commandLine: commandLine!,
  }));
}

/** Slim Debian images have no `ps`. */
function fromProc(pid: number): ProcessEntry | undefined {
  try {
    const commandLine = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
    const parentPid = /^PPid:\s*(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    return commandLine && parentPid ? { pid, parentPid: Number(parentPid), commandLine } : undefined;
  } catch {
    return undefined;
  }
}

function fromPs(pid: number): ProcessEntry | undefined {
  const { stdout } = spawnSync('ps', ['-ww', '-o', 'pid=,ppid=,command=', '-p', String(pid)], {
    encoding: 'utf8',
  });
  return parsePs(stdout ?? '')[0];
}
