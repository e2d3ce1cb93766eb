import type { Environment } from '@pushfleet/shared/platform/config';
import { CommandFailure } from '../failure.ts';
import { colors } from '../output.ts';
import { boardUrl, chooseBoardPort } from './board-address.ts';
import { checkConfiguredRedis } from './check-redis.ts';
import { givenSettings, type Settings } from './check-settings.ts';
import { type DemoServers, useDemoServers } from './demo-servers.ts';
import { type EmbeddedApns, startEmbeddedApns } from './embedded-apns.ts';
import { removeEnvFile, writeEnvFile } from './env-file.ts';
import { firstPushLine } from './first-push.ts';
import { startFleet } from './fleet-processes.ts';
import { followSample } from './follow-sample.ts';
import type { UpPlan } from './plan-parts.ts';
import { type OpenTool, openPreparedTool } from './prepare-tables.ts';
import { insertSampleNotifications } from './sample-notifications.ts';
import type { Screen } from './screen.ts';
import { type EmbeddedServers, startServers } from './servers.ts';
import type { Shutdown } from './shutdown.ts';
import type { StateDirectory } from './state-directory.ts';
import { simulatorLines, summaryOf } from './summary.ts';
import { hints } from './try-yourself.ts';
import { watchNotifications } from './watch-notifications.ts';

export interface Run {
  readonly once: boolean;
  readonly environment: Environment;
  readonly plan: UpPlan & { readonly kind: 'run' };
  readonly state: StateDirectory;
  readonly screen: Screen;
  readonly shutdown: Shutdown;
  /** In place of embedded ones. */
  readonly demo: DemoServers | undefined;
}

/**
 * Starts the parts one after the other, sends the sample, and stays until the first signal. Everything that
 * is started is told to `shutdown`, which stops it.
 *
 * @returns the exit code
 * @throws Interrupted by a signal before it stays; CommandFailure and others where a part does not start
 */
export async function runParts(run: Run): Promise<number> {
  const { environment, plan, state, screen, shutdown } = run;
  const given = givenSettings(environment);
  const isEmbedded = plan.parts.mysql === 'embedded';
  // What is configured is looked at before anything is started.
  if (!isEmbedded) await (await openPreparedTool(given, false)).close();
  if (plan.parts.redis === 'configured') await checkConfiguredRedis(given);
  const port = await chooseBoardPort(given);
  screen.say(`\n  ${colors.bold('Pushfleet')}, all of it on this machine. Ctrl-C stops it.\n`);
  tellMixture(run);

  const apns = plan.parts.apns === 'embedded' ? await startApns(run) : undefined;
  const servers = run.demo
    ? await useDemoServers(run.demo, screen)
    : await startServers({ ...plan, given, state, screen, shutdown });
  shutdown.signal.throwIfAborted();

  const settings: Settings = {
    ...given,
    ...servers.settings,
    ...apns?.settings,
    PUSHFLEET_BOARD_PORT: String(port),
  };
  const tool = await openPreparedTool(settings, isEmbedded);
  try {
    writeEnvFile(state.file('env'), settings, given);
    await screen.step(
      'producer, 2 workers, board',
      () => startFleet({ environment, settings, state, screen, shutdown }),
      () => 'producer, 2 workers and board; logs in .pushfleet/logs',
    );
    const exitCode = plan.sample ? await sendSample(run, tool, apns!) : 0;
    if (run.once) return exitCode;

    const { mysql } = servers;
    screen.say(
      hints({
        boardUrl: boardUrl(given, port),
        boardUser: given.PUSHFLEET_BOARD_USER,
        mysql,
        sample: plan.sample,
        zone: tool.config.PUSHFLEET_TIMEZONE,
        inCompose: run.demo !== undefined,
      }),
    );
    await stay(run, tool, servers);
    return 0;
  } finally {
    removeEnvFile(state.file('env'));
    await tool.close();
  }
}

async function startApns({ plan, state, screen, shutdown }: Run): Promise<EmbeddedApns> {
  return screen.step(
    'APNs simulator',
    async () => shutdown.add(await startEmbeddedApns(state, plan.sample)),
    ({ simulator }) => `APNs simulator on ${simulator.url}`,
  );
}

function tellMixture({ plan: { parts }, screen }: Run): void {
  if (parts.mysql === 'configured' && parts.apns === 'embedded')
    screen.warn(
      'due rows of your database go to the simulator and are marked sent; let this be a copy, and let no other fleet run on it',
    );
  if (parts.apns === 'configured') screen.warn('pushes go to the APNs that you configured');
}

async function sendSample({ screen, shutdown }: Run, tool: OpenTool, apns: EmbeddedApns): Promise<number> {
  screen.say(`\n  Three notifications, inserted with SQL:\n`);
  const notifications = await insertSampleNotifications(tool.store, tool.config.PUSHFLEET_TIMEZONE);
  const { statuses, asExpected } = await followSample(tool, notifications, {
    screen,
    signal: shutdown.signal,
  });
  screen.say(`\n${summaryOf(notifications, statuses)}\n`);
  for (const line of simulatorLines(apns)) screen.say(`  ${line}`);
  screen.say(`  ${firstPushLine(apns)}`);
  if (!asExpected)
    screen.warn(colors.red('not everything was sent as expected within 120 s; .pushfleet/logs says more'));
  return asExpected ? 0 : 1;
}

/** @throws CommandFailure when a server ends by itself: nothing works without it */
async function stay(
  { screen, shutdown }: Run,
  tool: OpenTool,
  { mysql, redis }: EmbeddedServers,
): Promise<void> {
  const ended = async (name: string, exited: Promise<void>) => {
    await exited;
    if (!shutdown.signal.aborted)
      throw new CommandFailure(`${name} has ended by itself; its log is in .pushfleet`);
  };
  const watching = new AbortController();
  const stopWatching = () => watching.abort();
  shutdown.signal.addEventListener('abort', stopWatching);
  const watch = watchNotifications(tool, screen, watching.signal);
  try {
    await Promise.race([
      shutdown.signalled(),
      ...(mysql ? [ended('MySQL', mysql.exited)] : []),
      ...(redis ? [ended('Redis', redis.exited)] : []),
    ]);
  } finally {
    stopWatching();
    await watch.catch(() => {});
  }
}
