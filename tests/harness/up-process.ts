import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const BINARY = fileURLToPath(new URL('../../apps/cli/bin/pushfleet.js', import.meta.url));
const TOOLS: readonly string[] = ['status', 'migrate'];

/** `pushfleet up`, or a tool beside it, in a directory of its own. */
export interface UpProcess {
  /** Everything it has printed so far. */
  output(): string;
  printed(text: string | RegExp, timeoutMs?: number): Promise<void>;
  kill(signal: NodeJS.Signals): void;
  readonly exited: Promise<number | NodeJS.Signals>;
  /** Ends it if it still runs. */
  end(): Promise<void>;
}

/**
 * Starts `pushfleet up` with `args`, or the tool that `args` begin with. No setting of the test run reaches
 * it.
 */
export function startUp(
  args: readonly string[],
  environment: Record<string, string>,
  directory: string,
): UpProcess {
  const command = TOOLS.includes(args[0] ?? '') ? args : ['up', ...args];
  const child = spawn(process.execPath, [BINARY, ...command], {
    cwd: directory,
    env: { PATH: process.env.PATH, HOME: process.env.HOME, NO_COLOR: '1', CI: '1', ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
  let ended = false;
  const exited = new Promise<number | NodeJS.Signals>((resolve) => {
    child.on('close', (code, signal) => {
      ended = true;
      resolve(code ?? signal!);
    });
  });
  const has = (text: string | RegExp) =>
    typeof text === 'string' ? output.includes(text) : text.test(output);
  return {
    output: () => output,
    async printed(text, timeoutMs = 30_000) {
      const until = Date.now() + timeoutMs;
      while (!has(text)) {
        if (ended || Date.now() > until)
          throw new Error(`"${text}" was not printed${ended ? ', and it has ended' : ''}:\n${output}`);
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    },
    kill: (signal) => void child.kill(signal),
    exited,
    async end() {
      if (ended) return;
      child.kill('SIGTERM');
      const insist = setTimeout(() => child.kill('SIGKILL'), 40_000);
      await exited;
      clearTimeout(insist);
    },
  };
}
