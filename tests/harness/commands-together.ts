import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

/** What one command came to. */
export interface Came {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

const dist = (file: string) => new URL(`../../apps/cli/dist/${file}`, import.meta.url).href;

/** In a process of its own: loading the program costs more than most commands do. */
const TOGETHER = `
  import { CommanderError } from ${JSON.stringify(import.meta.resolve('commander'))};
  import { buildProgram } from ${JSON.stringify(dist('program.js'))};
  import { reportFailure } from ${JSON.stringify(dist('failure.js'))};
  const write = process.stdout.write.bind(process.stdout);
  const all = [];
  for (const args of JSON.parse(process.env.COMMANDS)) {
    const came = { exitCode: 0, stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr']) process[name].write = (text) => { came[name] += text; return true; };
    process.exitCode = 0;
    try {
      await (await buildProgram(args[0])).parseAsync(args, { from: 'user' });
      came.exitCode = process.exitCode;
    } catch (error) {
      came.exitCode =
        error instanceof CommanderError ? (error.exitCode === 0 ? 0 : 2) : reportFailure(error);
    }
    all.push(came);
  }
  process.exitCode = 0;
  write(JSON.stringify(all));
`;

/** Runs commands of the CLI one after the other, each as if it were alone. */
export async function runTogether(
  commands: readonly (readonly string[])[],
  environment: Record<string, string>,
): Promise<Came[]> {
  const env = { PATH: process.env.PATH, NO_COLOR: '1', COMMANDS: JSON.stringify(commands), ...environment };
  const args = ['--input-type=module', '-e', TOGETHER];
  const { stdout } = await promisify(execFile)(process.execPath, args, { env, timeout: 60_000 });
  return JSON.parse(stdout) as Came[];
}
