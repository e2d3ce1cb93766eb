import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Command } from 'commander';
import { buildProgram } from '../../apps/cli/dist/program.js';
import { BINARY } from '../harness/command-line.ts';
import { runTogether } from '../harness/commands-together.ts';

/** The commands of the contract that are here. */
const COMMANDS = [
  ...['up', 'migrate', 'doctor', 'check-settings', 'producer', 'worker', 'board', 'simulator'],
  ...['status', 'explain', 'device', 'send'],
  ...[
    'cancel',
    'replay',
    'devices list',
    'devices restore',
    'pause',
    'resume',
    'rate',
    'shadow',
    'completion',
  ],
];

let directory: string;

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'pushfleet-cli-'));
});
afterAll(() => rmSync(directory, { recursive: true }));

/** Runs a program in an empty directory; none of this needs a server. */
async function run(program: string, args: readonly string[]) {
  const options = { cwd: directory, env: { PATH: process.env.PATH } };
  return promisify(execFile)(program, args, options).then(
    ({ stdout, stderr }) => ({ exitCode: 0, stdout, stderr }),
    (error: { code: number; stdout: string; stderr: string }) => ({ ...error, exitCode: error.code }),
  );
}

const pushfleet = (...args: string[]) => run(process.execPath, [BINARY, ...args]);

/** What the shell would offer for the last of these words. */
async function bashOffers(script: string, ...words: string[]): Promise<string[]> {
  const { stdout } = await run('bash', [
    '--norc',
    '-c',
    `${script}
     complete -p pushfleet >/dev/null || exit 1
     COMP_WORDS=(pushfleet ${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${words.length}
     _pushfleet; printf '%s\\n' "\${COMPREPLY[@]}"`,
  ]);
  return stdout.split('\n').filter((line) => line !== '');
}

test('each command of the contract says what it does, with its options and an example', async () => {
  const asked = COMMANDS.map((name) => [...name.split(' '), '--help']);
  const came = await runTogether(asked, { NO_COLOR: '' });
  // The binary says the same.
  expect(await pushfleet(...asked[0]!)).toEqual(came[0]);
  for (const [i, name] of COMMANDS.entries()) {
    const { exitCode, stdout, stderr } = came[i]!;
    expect([name, exitCode, stderr]).toEqual([name, 0, '']);
    expect(stdout).toMatch(new RegExp(`^Usage: pushfleet ${name} `));
    expect(stdout).toMatch(/\nExamples?:\n {2}\S/);
    expect(stdout).not.toContain('\x1b[');
  }
}, 180_000);

test('no command is without help, summary and example, whoever adds it', async () => {
  const flat = (await buildProgram()).commands.flatMap((command) => [command, ...command.commands]);
  for (const command of flat) {
    let help = '';
    command.configureOutput({ writeOut: (text) => (help += text) });
    command.outputHelp();
    expect([command.name(), command.summary()]).not.toEqual([command.name(), '']);
    expect([command.name(), help]).toEqual([command.name(), expect.stringMatching(/\nExamples?:\n {2}\S/)]);
    for (const option of command.options)
      expect([option.flags, option.description]).not.toEqual([option.flags, '']);
  }
});

test('a command that is called is defined alone, as it is among all', async () => {
  const described = (one: Command) => ({ summary: one.summary(), help: one.helpInformation() });
  for (const command of (await buildProgram()).commands) {
    const { commands } = await buildProgram(command.name());
    if (command.name() !== 'completion') expect(commands.map((one) => one.name())).toEqual([command.name()]);
    expect(commands.map(described)).toContainEqual(described(command));
  }
});

test.each([
  [['stats'], /unknown command 'stats'\n\(Did you mean status\?\)/],
  [['status', '--jsno'], /unknown option '--jsno'\n\(Did you mean --json\?\)/],
  [['device', 'T', '--sinse', '1h'], /\(Did you mean --since\?\)/],
  [['send', '--device-tokn', 'T'], /\(Did you mean --device-token\?\)/],
  [['shadow', '--device-token'], /\(Did you mean --device-tokens\?\)/],
  [['replay', '1', '--outcom', 'failed'], /\(Did you mean --outcome\?\)/],
  [['devices', 'lst'], /\(Did you mean list\?\)/],
  [['completion', 'tcsh'], /Allowed choices are bash, zsh, fish/],
  [['status', '1', '2'], /too many arguments/],
])('%j is wrong use, 2, with the nearest that there is', async (args, message) => {
  const { exitCode, stdout, stderr } = await pushfleet(...args);
  expect([exitCode, stdout]).toEqual([2, '']);
  expect(stderr).toMatch(message);
});

test('bash completes commands, options, subcommands and choices', async () => {
  const { stdout: script } = await pushfleet('completion', 'bash');
  expect(await bashOffers(script, 'sta')).toEqual(['status']);
  expect(await bashOffers(script, 'status', '--')).toEqual(['--json', '--watch', '--limit', '--help']);
  expect(await bashOffers(script, 'devices', '')).toEqual(['list', 'restore', '--help']);
  expect(await bashOffers(script, 'devices', 'list', '--l')).toEqual(['--limit']);
  expect(await bashOffers(script, 'simulator', '--record', 'c')).toEqual(['counts']);
  expect(await bashOffers(script, 'completion', '')).toEqual(['bash', 'zsh', 'fish', '--help']);
  const every = await bashOffers(script, '');
  expect(every).toEqual([...(await buildProgram()).commands.map((command) => command.name()), 'help']);
}, 180_000);

test.each(['zsh', 'fish'])('the script for %s has every command and option', async (shell) => {
  const { exitCode, stdout } = await pushfleet('completion', shell);
  expect(exitCode).toBe(0);
  for (const command of (await buildProgram()).commands) {
    expect(stdout).toContain(command.name());
    for (const { long } of command.options.filter(({ hidden }) => !hidden))
      expect(stdout).toContain(shell === 'fish' ? `-l ${long!.slice(2)} ` : long!);
  }
});
