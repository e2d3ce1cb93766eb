import { spawn } from 'node:child_process';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import terminal from '@xterm/headless';

/** What changes within this time is one change: more than a viewer sees. */
const TICK_S = 0.1;

/**
 * Runs a command on a pseudo terminal (util-linux' `script`) and keeps what it prints, with its real times.
 *
 * @param directory where it runs; `files` is where the recording is kept
 */
export function recordOnTerminal(command, { directory, files, name, cols, rows }) {
  const out = join(files, `${name}.out`);
  const timing = join(files, `${name}.timing`);
  for (const file of [out, timing]) writeFileSync(file, ''); // read before `script` has opened it
  const child = spawn(
    'script',
    ['-qefc', `stty cols ${cols} rows ${rows}; exec ${command}`, '--log-out', out, '--log-timing', timing],
    {
      cwd: directory,
      // Nothing of the caller's reaches it, as in a new terminal.
      env: { PATH: process.env.PATH, HOME: process.env.HOME, TERM: 'xterm-256color', LANG: 'C.UTF-8' },
      stdio: ['pipe', 'ignore', 'ignore'],
    },
  );
  const exited = new Promise((resolve, reject) => {
    child.once('error', (error) =>
      reject(error.code === 'ENOENT' ? new Error('needs the program script, of util-linux') : error),
    );
    child.once('close', (code) => resolve(code ?? 1));
  });
  exited.catch(() => {});
  return {
    exited,
    printed: () => readFileSync(out, 'utf8'),
    interrupt: () => void child.stdin.write('\x03'),
    kill: () => void child.kill('SIGKILL'),
    /** How much it has printed, in bytes. */
    size: () => statSync(out).size,
    /** What stood on the screen, change by change, in its first `bytes`. Only when it has ended are the times written. */
    frames: (bytes) =>
      framesOf(readFileSync(out).subarray(0, bytes), readFileSync(timing, 'utf8'), { cols, rows }),
  };
}

/**
 * @returns {Promise<{at: number, top: number, lines: Line[]}[]>} per change the second it came, the first
 *   line that is seen, and all lines since the start, each a list of runs of one style
 */
async function framesOf(out, timing, { cols, rows }) {
  const screen = new terminal.Terminal({ cols, rows, scrollback: 1_000, allowProposedApi: true });
  let from = out.indexOf('\n') + 1; // "Script started on …"
  let at = 0;
  const frames = [];
  const steps = timing
    .split('\n')
    .map((line) => line.split(' ').map(Number))
    .filter(([delay, bytes]) => delay >= 0 && bytes > 0);
  for (const [index, [delay, bytes]] of steps.entries()) {
    at += delay;
    const chunk = out.subarray(from, from + bytes);
    if (chunk.length === 0) break;
    from += bytes;
    await new Promise((done) => screen.write(chunk, done));
    const next = from < out.length ? (steps[index + 1]?.[0] ?? 0) : Number.POSITIVE_INFINITY;
    if (at + next - (frames.at(-1)?.at ?? -1) < TICK_S) continue; // the next is of the same moment
    frames.push({ at, top: screen.buffer.active.baseY, lines: linesOf(screen, cols) });
  }
  return frames;
}

function linesOf({ buffer: { active } }, cols) {
  return Array.from({ length: active.length }, (_, y) => runsOf(active.getLine(y), cols));
}

/** Cells of one style side by side, without the blanks at the end. */
function runsOf(line, cols) {
  const runs = [];
  for (let x = 0; x < cols; x++) {
    const cell = line.getCell(x);
    const text = cell.getChars() || ' ';
    const style = [
      cell.isBold() ? 'b' : '',
      cell.isDim() ? 'd' : '',
      cell.isFgPalette() ? `c${cell.getFgColor()}` : '',
    ].join(' ');
    const last = runs.at(-1);
    if (last !== undefined && (last.style === style || text === ' ')) last.text += text;
    else runs.push({ x, text, style });
  }
  for (const run of runs) {
    const start = run.text.length - run.text.trimStart().length;
    run.x += start;
    run.text = run.text.trim();
  }
  return runs.filter(({ text }) => text !== '');
}
