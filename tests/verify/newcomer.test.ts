import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test } from '@jest/globals';
import { type Block, blocksOf, shownPattern } from '../harness/document-blocks.ts';
import { runOnTerminal, type TerminalProcess } from '../harness/pseudo-terminal.ts';
import { untilTrue } from '../harness/wait.ts';

/**
 * docs/first-steps.md in a fresh clone of what is committed here, each command on a pseudo terminal, each
 * output compared with what the page shows; the seconds of each step are printed.
 */
const GUIDE = 'first-steps.md';
const CHECKOUT = fileURLToPath(new URL('../..', import.meta.url));
const directory = mkdtempSync(join(tmpdir(), 'pushfleet-newcomer-'));
const clone = join(directory, 'pushfleet');
const steps: [step: string, command: string, seconds: number][] = [];
let first: TerminalProcess | undefined;

const why = whyNot();
if (why !== null) say(`SKIPPED, the path of a newcomer: ${why}`);

afterAll(async () => {
  first?.interrupt();
  await first?.exited;
  rmSync(directory, { recursive: true, force: true });
}, 60_000);

(why === null ? test : test.skip)(
  'each step of the page does what it shows',
  async () => {
    const blocks = blocksOf(GUIDE);
    let insert: Block | undefined;
    for (const [at, block] of blocks.entries()) {
      if (block.marker === 'output') continue;
      const next = blocks[at + 1];
      const shown = next?.marker === 'output' ? shownPattern(next.code) : /(?:)/;
      const step = block.marker?.replace('verify newcomer: ', '') ?? `${block.at} says nothing`;
      if (step === 'start') await start(block, shown);
      else if (step === 'insert') {
        insert ??= block;
        await timed(step, 'INSERT INTO notification …', async () => {
          insertRow(block);
          await untilTrue(
            () => first!.screen(),
            (screen) => shown.test(screen),
          );
        });
      } else {
        if (step === 'insert, waiting') {
          await untilTrue(workersPaused, (paused) => paused);
          insertRow(insert!);
        }
        for (const line of block.code.split('\n'))
          await call(step, line, line === block.code.split('\n').at(-1) ? shown : /(?:)/);
        const told = blocks[at + 2];
        if (step === 'resume')
          await untilTrue(
            () => first!.screen(),
            (screen) => shownPattern(told!.code).test(screen),
          );
      }
    }
    await timed('stop', 'Ctrl-C', async () => {
      first!.interrupt();
      expect(await first!.exited).toBe(0);
      expect(first!.screen()).toContain('stopped everything');
    });
    report();
    expect(steps.map(([step]) => step)).toEqual(
      expect.arrayContaining(['start', 'insert', 'status', 'device', 'pause', 'resume', 'cancel', 'stop']),
    );
  },
  300_000,
);

/** Clones and starts; ready when the last line that is shown stands there. */
async function start({ code }: Block, shown: RegExp): Promise<void> {
  const [cloning, starting] = code.split('\n');
  await timed('start', cloning!, async () => {
    execFileSync('git', ['clone', '-q', CHECKOUT, clone]);
  });
  await timed('start', starting!, async () => {
    first = runOnTerminal(starting!, clone, join(directory, 'first-terminal'));
    let ended = false;
    void first.exited.then(() => {
      ended = true;
    });
    await untilTrue(
      () => first!.screen(),
      (screen) => ended || screen.includes('Ctrl-C stops everything.'),
      200_000,
    );
  });
  expect(first!.screen()).toMatch(shown);
}

/** The client and its statements, as `npm start` has printed them (the time of one is changed on the page). */
function insertRow({ code }: Block): void {
  const [client, ...statements] = code.split('\n');
  for (const line of [client!, ...statements.filter((one) => !one.includes('INTERVAL'))])
    expect(first!.screen()).toContain(`    ${line}\n`);
  execFileSync('bash', ['-c', client!], { cwd: clone, input: statements.join('\n') });
}

/** Whether both have heard of it; a person is slower than they are. */
function workersPaused(): boolean {
  const logs = join(clone, '.pushfleet/logs');
  const workers = readdirSync(logs).filter((name) => name.startsWith('worker'));
  return (
    workers.length === 2 &&
    workers.every((name) => readFileSync(join(logs, name), 'utf8').includes('sending.paused'))
  );
}

/** One that only looks is called again until it shows what the page does, as a person would. */
async function call(step: string, line: string, shown: RegExp): Promise<void> {
  const looks = /pushfleet (status|device)/.test(line);
  const file = join(directory, 'second-terminal');
  const run = async () => {
    const terminal = runOnTerminal(line, clone, file);
    const code = await terminal.exited;
    return `${code}\n${terminal.screen()}`;
  };
  await timed(step, line, async () => {
    const expected = new RegExp(`^0\\n[^]*${shown.source}`);
    if (looks) await untilTrue(run, (said) => expected.test(said));
    else expect(await run()).toMatch(expected);
  });
}

async function timed(step: string, command: string, work: () => Promise<unknown>): Promise<void> {
  const since = performance.now();
  await work();
  steps.push([step, command, (performance.now() - since) / 1_000]);
}

/** The table that the page quotes. */
function report(): void {
  const width = Math.max(...steps.map(([, command]) => command.length));
  for (const [step, command, seconds] of steps)
    say(`| ${step.padEnd(15)} | ${command.padEnd(width)} | ${seconds.toFixed(1).padStart(5)} |`);
  say(`all: ${steps.reduce((sum, [, , seconds]) => sum + seconds, 0).toFixed(1)} s`);
}

function whyNot(): string | null {
  for (const program of ['script', 'git', 'bash'])
    try {
      execFileSync('sh', ['-c', `command -v ${program}`]);
    } catch {
      return `needs ${program}`;
    }
  return null;
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
