/** What processes have used so far. Linux only. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

const TICKS_PER_SECOND = Number(execFileSync('getconf', ['CLK_TCK']));

/**
 * Seconds of processor that each process has used, by itself and in the kernel.
 *
 * @param {Record<string, number>} processes pids by name
 */
export function usage(processes) {
  const seconds = {};
  for (const [name, pid] of Object.entries(processes)) {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
    seconds[name] = (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
  }
  return seconds;
}

/** The most resident memory that the process ever had. */
export function peakMemoryMb(pid) {
  return Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) / 1024;
}
