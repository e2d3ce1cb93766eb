/** Worker processes, as `pushfleet worker` runs them, in the fleet of a test. */
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const MAIN = pathToFileURL(join(import.meta.dirname, '../../apps/worker/dist/main.js')).href;
const SCRIPT = `
  const { runWorker } = await import('${MAIN}');
  process.exit(await runWorker(process.env).catch((error) => (console.error(error.message), 2)));
`;
const children: ChildProcess[] = [];

export interface WorkerProcess {
  readonly child: ChildProcess;
  /** Everything that it has printed so far. */
  output(): string;
}

export function startWorkerProcess(environment: Record<string, string | undefined>): WorkerProcess {
  const child = spawn(process.execPath, ['--input-type=module', '-e', SCRIPT], {
    env: { PATH: process.env.PATH, ...environment, PUSHFLEET_LOG_LEVEL: 'info' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  children.push(child);
  let output = '';
  for (const stream of [child.stdout!, child.stderr!]) stream.on('data', (chunk) => (output += chunk));
  return { child, output: () => output };
}

/** For `afterEach`: none of them outlives its test. */
export function killWorkerProcesses(): void {
  for (const child of children.splice(0)) if (child.exitCode === null) child.kill('SIGKILL');
}
