import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const BINARY = fileURLToPath(new URL('../../apps/cli/bin/pushfleet.js', import.meta.url));

/** One `pushfleet` process under test. */
export interface FleetProcess {
  readonly pid: number;
  readonly child: ChildProcess;
  /** Everything it has printed so far. */
  output(): string;
  /** Resolves when the output holds `text`. */
  printed(text: string | RegExp, timeoutMs?: number): Promise<void>;
  kill(signal: NodeJS.Signals): void;
  /** Exit code, or the signal that ended it. */
  readonly exited: Promise<number | NodeJS.Signals>;
  /** SIGTERM, and SIGKILL if it does not end in time. */
  stop(): Promise<number | NodeJS.Signals>;
}

export function startProcess(args: readonly string[], environment: Record<string, string>): FleetProcess {
  const child = spawn(process.execPath, [BINARY, ...args], {
    env: { PATH: process.env.PATH, HOME: process.env.HOME, NO_COLOR: '1', ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  const watchers = new Set<() => void>();
  for (const stream of [child.stdout!, child.stderr!])
    stream.on('data', (chunk: Buffer) => {
      output += chunk.toString();
      for (const watcher of watchers) watcher();
    });
  const exited = new Promise<number | NodeJS.Signals>((resolve) => {
    child.on('close', (code, signal) => resolve(code ?? signal!));
  });
  const printed = (text: string | RegExp, timeoutMs = 60_000) =>
    new Promise<void>((resolve, reject) => {
      const timer = setTimeout(
        () => finish(new Error(`"${text}" was not printed in ${timeoutMs} ms:\n${output.slice(-4_000)}`)),
        timeoutMs,
      );
      const look = () => {
        if (typeof text === 'string' ? output.includes(text) : text.test(output)) finish();
      };
      const finish = (error?: Error) => {
        clearTimeout(timer);
        watchers.delete(look);
        if (error === undefined) resolve();
        else reject(error);
      };
      watchers.add(look);
      exited.then(() => finish(new Error(`it ended before "${text}" was printed:\n${output.slice(-4_000)}`)));
      look();
    });
  return {
    pid: child.pid!,
    child,
    output: () => output,
    printed,
    kill: (signal) => void child.kill(signal),
    exited,
    async stop() {
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), 30_000);
      const code = await exited;
      clearTimeout(timer);
      return code;
    },
  };
}

/** Runs a `pushfleet` command to its end. */
export async function runCommand(args: readonly string[], environment: Record<string, string>) {
  const command = startProcess(args, environment);
  let stdout = '';
  let stderr = '';
  command.child.stdout!.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  command.child.stderr!.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const exitCode = await command.exited;
  return { exitCode, stdout, stderr };
}
