import { setTimeout as sleep } from 'node:timers/promises';
import { acceptedTimes, countDuplicates } from './duplicates.mjs';
import { doFault } from './faults.mjs';
import { Installation } from './installation.mjs';
import { APNS_SCRIPT, planScenario } from './scenario.mjs';
import { allEnded, judge } from './verdict.mjs';

/** For what is left when the last fault is over: leases, locks, a lost batch found by its age. */
const SETTLE_MS = 180_000;

/**
 * One run.
 *
 * @param {{ seed: number, seconds: number, recipients: number, keep: boolean }} options
 * @param {(line: string) => void} say
 * @returns {Promise<boolean>} whether every promise was kept
 */
export async function runChaos(options, say) {
  const scenario = planScenario(options);
  const { notifications, faults, busyMs } = scenario;
  const again = `npm run chaos -- --seed ${options.seed} --seconds ${options.seconds} --recipients ${options.recipients}`;
  say(`seed ${options.seed}; again with: ${again}`);
  say(
    `${notifications.length} notifications and ${faults.length} faults in ${(busyMs / 1_000).toFixed(0)} s`,
  );
  const installation = await Installation.start(scenario);
  installation.simulator.script(APNS_SCRIPT);
  let good = false;
  const interrupted = () => void installation.stop({ keep: true }).finally(() => process.exit(1));
  process.once('SIGINT', interrupted);
  process.once('SIGTERM', interrupted);
  try {
    await installation.startFleet();
    const startedAt = Date.now();
    const elapsed = () => `${((Date.now() - startedAt) / 1_000).toFixed(1).padStart(6)} s`;
    const watch = watchRecorded(installation);
    const inserting = insertAll(installation, notifications, startedAt);
    const done = [];
    const under = faults.map(async (fault) => {
      await sleep(Math.max(0, startedAt + fault.atMs - Date.now()));
      say(`${elapsed()}  ${fault.kind}  (${installation.simulator.acceptedCount()} accepted)`);
      const { recorded } = watch;
      done.push({ ...(await doFault(installation, fault)), recorded });
    });
    await Promise.all([inserting, ...under]);
    say(`${elapsed()}  the last fault is over`);
    const remainingMs = Math.max(0, startedAt + options.seconds * 1_000 - Date.now());
    const ended = await allEnded(installation, notifications, remainingMs + SETTLE_MS);
    say(`${elapsed()}  ${ended ? 'all notifications have ended' : 'NOT ALL NOTIFICATIONS HAVE ENDED'}`);
    watch.stop();
    good = await report(installation, done, ended, say);
  } finally {
    const keep = options.keep || !good;
    await installation.stop({ keep });
    if (keep) say(`logs and data: ${installation.directory}`);
  }
  return good;
}

/** How many recipients MySQL calls accepted, looked up several times a second while it answers. */
function watchRecorded(installation) {
  const watch = { recorded: 0, stop: () => (stopped = true) };
  let stopped = false;
  void (async () => {
    for (; !stopped; await sleep(100)) {
      const [sums] = await installation
        .rows('SELECT SUM(accepted) AS accepted FROM pushfleet_batch', [], 1)
        .catch(() => []);
      if (sums !== undefined) watch.recorded = Number(sums.accepted);
    }
  })();
  return watch;
}

async function insertAll(installation, notifications, startedAt) {
  for (const notification of notifications) {
    await sleep(Math.max(0, startedAt + notification.atMs - Date.now()));
    await installation.insertNotification(notification);
  }
}

async function report(installation, done, ended, say) {
  const { simulator, workers, producers } = installation;
  const exits = await installation.stopFleet();
  const times = acceptedTimes(simulator);
  const { recipients, lost, counts, faults } = await judge(installation, times);
  const { duplicates, bound, unexplained, unrecorded, byFault } = countDuplicates(times, done);
  const figures = Object.entries(counts).filter(([, count]) => count > 0);
  say(`recipients  ${recipients}: ${figures.map(([name, count]) => `${count} ${name}`).join(', ')}`);
  say(`simulator   ${simulator.requestCount()} requests, ${simulator.acceptedCount()} accepted`);
  say(`lost        ${lost}`);
  say(`duplicates  ${duplicates}, at most ${bound}`);
  for (const [kind, count] of Object.entries(byFault)) say(`            ${count} by: ${kind}`);
  const starts = [...workers, ...producers].map(({ name, starts }) => `${name} ${starts}`);
  say(`starts      ${starts.join(', ')}`);
  const unasked = [...workers, ...producers].flatMap(({ name, unasked }) =>
    unasked.map(({ code, signal }) => `${name} ended by itself with ${code ?? signal}`),
  );
  for (const text of faults) say(`fault       ${text}`);
  for (const text of unasked) say(`note        ${text}`);
  const unclean = exits.filter((exit) => exit !== 0);
  if (unclean.length > 0) say(`fault       processes ended with ${unclean.join(', ')} when asked to stop`);
  const good =
    ended &&
    lost === 0 &&
    faults.length === 0 &&
    duplicates <= bound &&
    unexplained <= unrecorded &&
    unclean.length === 0;
  say(good ? 'every promise was kept' : 'A PROMISE WAS BROKEN');
  return good;
}
