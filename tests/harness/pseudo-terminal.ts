import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';

/** Colours, moves of the cursor, and the signs of npm's spinner. */
const CONTROL = new RegExp(`${String.fromCharCode(27)}\\[[0-9;?]*[A-Za-z]|[\u2800-\u28ff]`, 'g');

/** A command on a pseudo terminal of its own (util-linux' `script`): colours, bars and all. */
export interface TerminalProcess {
  /** What stands on the terminal, without colours, spinners and what moves the cursor. */
  screen(): string;
  /** Ctrl-C, as a terminal sends it. */
  interrupt(): void;
  /** SIGKILL to everything in the terminal's session. */
  kill(): void;
  /** Exit code of the command. */
  readonly exited: Promise<number>;
}

/** @param file where what it prints is kept */
export function runOnTerminal(command: string, directory: string, file: string): TerminalProcess {
  writeFileSync(file, ''); // it is read before the other has opened it
  const child = spawn('script', ['-qefc', `stty cols 120 rows 40; exec ${command}`, file], {
    cwd: directory,
    // Nothing of the test run reaches it, as in a new terminal.
    env: { PATH: process.env.PATH, HOME: process.env.HOME, TERM: 'xterm-256color', LANG: 'C.UTF-8' },
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  const exited = new Promise<number>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve(code ?? 1));
  });
  return {
    screen: () => onScreen(readFileSync(file, 'utf8')),
    interrupt: () => void child.stdin.write('\x03'),
    kill: () => void child.kill('SIGKILL'),
    exited,
  };
}

/** The lines that remain, without what ends in blanks. */
function onScreen(printed: string): string {
  return printed
    .replaceAll(CONTROL, '')
    .split(/\r?\n/)
    .filter((line) => !/^npm warn |^Script (started|done) on /.test(line))
    .map((line) => line.replace(/^.*\r/, '').trimEnd())
    .join('\n');
}
