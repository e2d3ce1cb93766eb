import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { MissingProgramError } from './local-server.ts';
import { type CommandResult, runCommand } from './run-command.ts';

/** Debian's packages ask this file before they start a service; 101 means "do not". */
const POLICY_FILE = '/usr/sbin/policy-rc.d';
const LOCK_ATTEMPTS = 12;

/** Whether packages can be installed here: apt-get, and we are root. */
export function aptUsable(): boolean {
  return process.getuid?.() === 0 && existsSync('/usr/bin/apt-get');
}

/**
 * Installs Debian packages without starting services of theirs. `choices` are tried in turn: names differ
 * between releases. Throws MissingProgramError with the end of apt's output.
 */
export async function aptInstall(choices: readonly (readonly string[])[]): Promise<void> {
  const update = await aptGet(['update']);
  let result: CommandResult = update;
  for (const packages of choices) {
    result = await withoutServices(() => aptGet(['install', '-y', '--no-install-recommends', ...packages]));
    if (result.code === 0) return;
  }
  throw new MissingProgramError(
    `apt-get could not install ${choices[0]!.join(', ')}. It said:\n${result.output.trim().slice(-1_500)}`,
  );
}

/** Runs apt-get; while another one holds its locks, again every 5 s for a minute. */
async function aptGet(args: readonly string[]): Promise<CommandResult> {
  const environment = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  // apt waits for the lock of dpkg by itself, not for the one of its package lists.
  const options = ['-q', '-o', 'DPkg::Lock::Timeout=120'];
  for (let attempt = 1; ; attempt++) {
    const result = await runCommand('apt-get', [...options, ...args], environment);
    if (result.code === 0 || attempt === LOCK_ATTEMPTS || !saysLocked(result.output)) return result;
    await sleep(5_000);
  }
}

/** Whether apt-get failed only because another one is at work. */
export function saysLocked(output: string): boolean {
  return /could not get lock|unable to (acquire|lock)/i.test(output);
}

/** A policy that is there already is the administrator's (or the image's) and stays as it is. */
async function withoutServices<T>(install: () => Promise<T>): Promise<T> {
  if (existsSync(POLICY_FILE)) return install();
  const remove = () => rmSync(POLICY_FILE, { force: true });
  writeFileSync(POLICY_FILE, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  process.once('exit', remove); // also when somebody ends the process while apt works
  try {
    return await install();
  } finally {
    process.off('exit', remove);
    remove();
  }
}
