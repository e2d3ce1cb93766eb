/** Steps after which a test can have a process die, as by `kill -9`. */
export const KILL_POINTS = [
  'producer.afterClaim',
  'producer.afterFreeze',
  'producer.afterPage',
  'producer.afterPlanning',
  'producer.afterSmallPlans',
  'producer.afterCommit',
  'producer.afterAdd',
  'producer.afterRecord',
  'producer.inRetirement',
  'producer.afterCompletion',
  'producer.afterControl',
  'producer.afterEpoch',
  'producer.inRecovery',
  'producer.afterRequeue',
  'worker.batchStarted',
  'worker.afterSend',
  'worker.afterAnswer',
  'worker.afterCheckpoint',
  'worker.afterPublish',
  'worker.afterJob',
] as const;

export type KillPoint = (typeof KILL_POINTS)[number];

/**
 * Where a test may have this process die: with `PUSHFLEET_TEST_KILL_POINT=<name>[:n]` in the environment
 * the n-th pass of that point ends it at once. Without it this is an empty function.
 */
export const killPoint: (name: KillPoint) => void = armed(process.env.PUSHFLEET_TEST_KILL_POINT);

function armed(wanted: string | undefined): (name: KillPoint) => void {
  if (wanted === undefined) return () => {};
  const [point, pass = '1'] = wanted.split(':');
  let left = Number(pass);
  return (name) => {
    if (name === point && --left === 0) process.kill(process.pid, 'SIGKILL');
  };
}
