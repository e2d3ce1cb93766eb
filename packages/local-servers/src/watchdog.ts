import { spawn } from 'node:child_process';

/**
 * A shell that outlives this process just long enough: it waits on a pipe from us. A line says that the
 * server has ended; the end of the pipe without one means that we died, in whatever way, SIGKILL included.
 */
const SCRIPT = `
read -r ended && exit 0
kill -TERM "$1" 2>/dev/null || exit 0
n=0
while [ $n -lt 50 ] && kill -0 "$1" 2>/dev/null; do sleep 0.2; n=$((n + 1)); done
kill -KILL "$1" 2>/dev/null
`;

/** A guard over one server process. */
export interface Watchdog {
  /** To be called when the server has ended; the guard leaves, and its process with it. */
  dismiss(): Promise<void>;
}

/**
 * Sets a guard on `pid` (negative: a process group): should this process die, it gets SIGTERM and after
 * 10 s SIGKILL.
 */
export function watchOver(pid: number): Watchdog {
  const shell = spawn('/bin/sh', ['-c', SCRIPT, 'pushfleet-watchdog', String(pid)], {
    // Its own session: Ctrl-C and the end of the terminal must not reach it.
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  const left = new Promise<void>((resolve) => {
    shell.once('exit', () => resolve());
    shell.once('error', () => resolve());
  });
  shell.unref();
  shell.stdin.on('error', () => undefined); // the guard was killed by somebody; nothing to tell it
  return {
    dismiss() {
      shell.stdin.end('ended\n');
      return left;
    },
  };
}
