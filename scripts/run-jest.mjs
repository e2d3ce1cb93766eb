/** Runs Jest and sees to it that nothing of it stays behind. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { runningIn, signalGroup } from './process-group.mjs';
import { root } from './setup.mjs';

/** From the report to the end of the process; longer means that a test left something open. */
const ENDING_MS = 30_000;
const LONGEST_RUN_MS = 40 * 60_000;

/**
 * Resolves when Jest and whatever it started have ended. `clean` is false when a test failed, when Jest was
 * cut off, or when processes of its tests were still running and had to be ended.
 */
export async function runJest({ args, environment, report, signal, say }) {
  const jest = spawn(process.execPath, [join(root, 'node_modules/jest/bin/jest.js'), ...args], {
    cwd: root,
    env: testEnvironment(environment),
    // A process group of its own can be ended as a whole, whatever the tests have started.
    detached: true,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  // Should this process be killed, nobody else would end that group.
  const { watchOver } = await import('../packages/local-servers/dist/watchdog.js');
  const guard = watchOver(-jest.pid);
  const exited = new Promise((resolve, reject) => {
    jest.once('exit', resolve);
    jest.once('error', reject);
  });
  const fault = await Promise.race([
    exited.then(() => undefined),
    cutOff(jest, signal),
    endlessRun(jest, report),
  ]);
  if (fault) say(fault);

  const leftOver = await endGroup(jest.pid);
  const code = await exited;
  await guard.dismiss();
  if (leftOver.length > 0 && !fault)
    say(
      `Tests left processes running; they were ended. Start no process in a test that the test does not stop.\n${leftOver.join('\n')}`,
    );
  return { clean: code === 0 && !fault && leftOver.length === 0 };
}

/** Settings of the person who runs the tests must not change what they test. */
function testEnvironment(environment) {
  const own = Object.entries(process.env).filter(([name]) => !/^PUSHFLEET_(?!TEST_)/.test(name));
  return {
    ...Object.fromEntries(own),
    NODE_ENV: 'test',
    // Jest's modules need the first, and the warning that it is experimental is known.
    NODE_OPTIONS: `${process.env.NODE_OPTIONS ?? ''} --experimental-vm-modules --disable-warning=ExperimentalWarning`,
    ...environment,
  };
}

function cutOff(jest, signal) {
  return new Promise((resolve) => {
    const onAbort = () => resolve(signal.reason.message);
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort);
    jest.once('exit', () => signal.removeEventListener('abort', onAbort));
  });
}

async function endlessRun(jest, report) {
  const startedAt = performance.now();
  let reportedAt;
  while (jest.exitCode === null && jest.signalCode === null) {
    await sleep(250);
    const now = performance.now();
    if (existsSync(report)) reportedAt ??= now;
    if (reportedAt && now - reportedAt > ENDING_MS)
      return 'Jest did not end after its last test: a test left something open.';
    if (now - startedAt > LONGEST_RUN_MS) return `Jest was stopped after ${LONGEST_RUN_MS / 60_000} minutes.`;
  }
  return undefined;
}

/** Ends what is left of the process group: SIGTERM, and SIGKILL after 5 s. Returns what that was, a line each. */
async function endGroup(group) {
  // Children of a worker that Jest has just ended may need a moment to notice.
  for (let waitedMs = 0; waitedMs < 500 && runningIn(group).length > 0; waitedMs += 50) await sleep(50);
  const leftOver = runningIn(group);
  if (leftOver.length === 0) return [];
  for (const signal of ['SIGTERM', 'SIGKILL']) {
    signalGroup(group, signal);
    for (let waitedMs = 0; waitedMs < 5_000 && runningIn(group).length > 0; waitedMs += 50) await sleep(50);
    if (runningIn(group).length === 0) break;
  }
  return leftOver;
}
