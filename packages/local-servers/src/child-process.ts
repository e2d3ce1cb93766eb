import { spawn } from 'node:child_process';
import { closeSync, fstatSync, openSync, readFileSync, rmSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { writePidFile } from './left-over.ts';
import { LocalServerError } from './local-server.ts';
import { watchOver } from './watchdog.ts';

/** What to run, and where its traces go. */
export interface ChildOptions {
  /** For messages: "Redis", "MariaDB". */
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  /** Working directory. */
  readonly cwd: string;
  /** stdout and stderr are appended here. */
  readonly logFile: string;
  readonly pidFile: string;
}

/** A server process under our care: it never outlives this process. */
export interface Child {
  readonly pid: number;
  readonly exited: Promise<void>;
  running(): boolean;
  /** What it has logged since this start, at most the last 2000 characters. */
  logTail(): string;
  stop(): Promise<void>;
  kill(signal: NodeJS.Signals): Promise<void>;
}

/** InnoDB writes its buffer out before it ends; on a slow disk that takes seconds. */
const STOP_DEADLINE_MS = 20_000;
const ENDING: ReadonlySet<NodeJS.Signals> = new Set(['SIGTERM', 'SIGKILL', 'SIGINT', 'SIGQUIT', 'SIGABRT']);

/** Starts a server in a session of its own, so that Ctrl-C reaches us and not it. Throws LocalServerError. */
export async function startChild(options: ChildOptions): Promise<Child> {
  const log = openSync(options.logFile, 'a');
  const logStart = fstatSync(log).size;
  const child = spawn(options.command, options.args, {
    cwd: options.cwd,
    detached: true,
    stdio: ['ignore', log, log],
  });
  closeSync(log);
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', (error) =>
      reject(new LocalServerError(`${options.name} cannot be started: ${error.message}`)),
    );
  });

  const pid = child.pid!;
  writePidFile(options.pidFile, { pid, startedBy: process.pid });
  const watchdog = watchOver(pid);
  const running = () => child.exitCode === null && child.signalCode === null;
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve())).then(async () => {
    rmSync(options.pidFile, { force: true });
    await watchdog.dismiss();
  });

  return {
    pid,
    exited,
    running,
    logTail: () => readFileSync(options.logFile).subarray(logStart).toString('utf8').slice(-2_000).trim(),
    async stop() {
      child.kill('SIGTERM');
      const deadline = new AbortController();
      await Promise.race([
        exited,
        sleep(STOP_DEADLINE_MS, undefined, { signal: deadline.signal }).catch(() => {}),
      ]);
      deadline.abort();
      if (running()) child.kill('SIGKILL');
      await exited;
    },
    async kill(signal) {
      child.kill(signal);
      if (ENDING.has(signal)) await exited;
    },
  };
}
