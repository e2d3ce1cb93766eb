import { spawnSync } from 'node:child_process';

/**
 * Commands of a process group that run. One that has ended and that nobody waited for (a zombie) does not: where
 * process 1 is no init, as in many containers, it stands in the list for ever.
 */
export function runningIn(group) {
  if (!signalGroup(group, 0)) return [];
  const { status, stdout } = spawnSync('ps', ['-A', '-o', 'pgid=,stat=,args='], { encoding: 'utf8' });
  if (status !== 0) return ['(there is no ps to tell which)'];
  return stdout
    .split('\n')
    .map((line) => /^\s*(\d+)\s+(\S+)\s+(.*)$/.exec(line) ?? [])
    .filter(([, id, state]) => Number(id) === group && !state.startsWith('Z'))
    .map(([, , , command]) => command.slice(0, 200));
}

/** Sends a signal to all of the group; 0 asks only. Returns whether there is such a group. */
export function signalGroup(group, signal) {
  try {
    process.kill(-group, signal);
    return true;
  } catch {
    return false;
  }
}
