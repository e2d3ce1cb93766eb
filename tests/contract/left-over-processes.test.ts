import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { pathToFileURL } from 'node:url';
import { expect, test } from '@jest/globals';
import { untilTrue } from '../harness/wait.ts';

const MODULE = pathToFileURL(`${import.meta.dirname}/../../scripts/process-group.mjs`).href;

/** By which the runner of the tests knows whether a test has left a process behind. */
const { runningIn } = (await import(MODULE)) as { runningIn(group: number): string[] };

test('what still runs of a process group is named; what has ended and nobody waited for does not run', async () => {
  // The shell becomes the second sleep, which does not wait for what the shell has started: a zombie.
  const leader = spawn('sh', ['-c', 'sleep 0.01 & exec sleep 60.5'], { detached: true, stdio: 'ignore' });
  const group = leader.pid!;
  await untilTrue(
    () => runningIn(group),
    (running) => running.join() === 'sleep 60.5',
  );
  const ended = once(leader, 'exit');
  leader.kill('SIGKILL');
  await ended;
  expect(runningIn(group)).toEqual([]);
});
