import { type AppStatus, readAppStatus } from '@pushfleet/shared/store/app-status';
import { type NotificationStatus, readRecentStatus, readStatus } from '@pushfleet/shared/store/status';
import { type Command, InvalidArgumentError } from 'commander';
import { CommandFailure } from '../failure.ts';
import { givenOne } from '../given-list.ts';
import { print, printJson } from '../output.ts';
import { fleetView, notificationView } from '../status-view.ts';
import { statusRules, type Tool, withTool } from '../tool.ts';
import { watch } from '../watch.ts';

interface StatusFlags {
  readonly json?: boolean;
  readonly watch?: boolean;
  readonly limit: number;
}

/** status: progress of notifications, and of each app. */
export function addStatus(program: Command): void {
  program
    .command('status')
    .argument('[id]', 'notification id; - reads it from stdin')
    .summary('progress of notifications, and of each app')
    .description('Shows the progress of one notification, or of the newest ones and of each app.')
    .option('--json', 'one JSON document')
    .option('--watch', 'go on until it is finished; with --json print only then')
    .option('--limit <count>', 'at most so many notifications', wholeNumber, 20)
    .addHelpText(
      'after',
      '\nExamples:\n  pushfleet status\n  pushfleet status 4711 --watch\n  pushfleet status 4711 --json',
    )
    .action(async (given: string | undefined, flags: StatusFlags) => {
      const id = given === undefined ? undefined : await givenOne(given, 'notification id');
      await withTool((tool) => (id === undefined ? showFleet(tool, flags) : showOne(tool, id, flags)));
    });
}

async function showOne(tool: Tool, id: string, flags: StatusFlags): Promise<void> {
  const read = async () => {
    const status = await readStatus(tool.store, id, statusRules(tool));
    if (status === null)
      throw new CommandFailure(`there is no notification ${id}; pushfleet status shows the newest ones`);
    return status;
  };
  // Whoever waits for it wants to know that its app is paused.
  const view = async (status: NotificationStatus) =>
    notificationView(status, isFinished(status) ? undefined : await readApp(tool, status.app));
  if (flags.watch !== true) {
    const status = await read();
    return flags.json === true ? printJson(status) : print(await view(status));
  }
  let status = await read();
  const frame = async () => {
    status = await read();
    return { screen: await view(status), line: statusLine(status), finished: isFinished(status) };
  };
  if (flags.json !== true) return watch(frame);
  while (!(await frame()).finished) await new Promise((resolve) => setTimeout(resolve, 500));
  printJson(status);
}

async function showFleet(tool: Tool, flags: StatusFlags): Promise<void> {
  if (flags.watch === true && flags.json === true)
    throw new CommandFailure('--watch with --json needs a notification id', 2);
  const read = async () => {
    const apps = await readApps(tool);
    return { apps, ...(await readRecentStatus(tool.store, flags.limit, statusRules(tool))) };
  };
  if (flags.watch === true)
    return watch(async () => {
      const fleet = await read();
      const running = fleet.notifications.filter((n) => !isFinished(n) && !waitsForItsTime(n));
      return {
        screen: fleetView(fleet),
        line: running.length === 0 ? 'nothing is being sent' : running.map(statusLine).join('; '),
        finished: running.length === 0,
      };
    });
  const fleet = await read();
  if (flags.json === true) printJson(fleet);
  else print(fleetView(fleet));
}

function readApps(tool: Tool): Promise<AppStatus[]> {
  return readAppStatus(tool.store, tool.config.PUSHFLEET_RATE_PER_SECOND);
}

async function readApp(tool: Tool, name: string): Promise<AppStatus | undefined> {
  return (await readApps(tool)).find(({ app }) => app === name);
}

/** Ended, also as far as the recipients are concerned: a cancelled one may still wait for answers. */
function isFinished({ state, pending }: NotificationStatus): boolean {
  return ['done', 'expired', 'cancelled', 'invalid'].includes(state) && pending === 0;
}

function waitsForItsTime({ state, dueAt }: NotificationStatus): boolean {
  return state === 'scheduled' && (dueAt === null || Date.parse(dueAt) > Date.now());
}

function statusLine(status: NotificationStatus): string {
  const { notificationId, state, recipients, accepted, rejected, retired, failed, pending } = status;
  return `notification ${notificationId} ${state}: ${recipients} recipients, ${accepted} accepted, ${rejected + retired} refused, ${failed} failed, ${pending} pending`;
}

function wholeNumber(text: string): number {
  if (!/^[1-9]\d{0,3}$/.test(text)) throw new InvalidArgumentError('a number from 1 on is expected.');
  return Number(text);
}
