import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const MAIN = pathToFileURL(join(import.meta.dirname, '../../apps/board/dist/main.js')).href;
const SCRIPT = `
  const { runBoard } = await import(${JSON.stringify(MAIN)});
  process.exitCode = await runBoard(process.env).catch((error) => {
    process.stderr.write(error.message);
    return error.code === 'PUSHFLEET_CONFIGURATION' ? 2 : 1;
  });
  process.exit();
`;

export interface BoardProcess {
  /** As its log says, with the base path. */
  readonly url: string;
  readonly pid: number;
  /** What it has logged. */
  output(): string;
  /** SIGTERM, and the exit code. */
  stop(): Promise<number | null>;
}

/** The board did not come up: what it said and how it ended. */
export class BoardEndedError extends Error {
  constructor(
    readonly exitCode: number | null,
    readonly said: string,
  ) {
    super(`the board ended with ${exitCode}: ${said}`);
  }
}

/**
 * Starts the built board as a process of its own, at a free port unless the settings name one.
 * (Inside Jest it cannot be loaded on Node 20: a CommonJS part of it requires an ES module.)
 *
 * @throws BoardEndedError
 */
export function startBoardProcess(settings: Readonly<Record<string, string>>): Promise<BoardProcess> {
  const child = spawn(process.execPath, ['--input-type=module', '-e', SCRIPT], {
    env: { PATH: process.env.PATH, PUSHFLEET_BOARD_PORT: '0', PUSHFLEET_LOG_FORMAT: 'json', ...settings },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
  const said = { out: '', err: '' };
  child.stderr.on('data', (chunk: Buffer) => {
    said.err += chunk;
  });
  return new Promise((resolve, reject) => {
    child.stdout.on('data', (chunk: Buffer) => {
      said.out += chunk;
      const url = /"event":"board\.ready","url":"([^"]+)"/.exec(said.out)?.[1];
      if (url !== undefined)
        resolve({ url, pid: child.pid!, output: () => said.out + said.err, stop: () => stop(child, ended) });
    });
    void ended.then((code) => reject(new BoardEndedError(code, said.err)));
  });
}

async function stop(child: ChildProcess, ended: Promise<number | null>): Promise<number | null> {
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), 10_000);
  try {
    return await ended;
  } finally {
    clearTimeout(timer);
  }
}
