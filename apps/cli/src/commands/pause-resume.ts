import { readApps } from '@pushfleet/shared/store/apps';
import { readStatus } from '@pushfleet/shared/store/status';
import type { Command } from 'commander';
import { askProducer } from '../ask-producer.ts';
import { chooseApp } from '../choose-app.ts';
import { CommandFailure } from '../failure.ts';
import { print } from '../output.ts';
import { statusRules, type Tool, withTool } from '../tool.ts';

/** pause and resume: an operator's decision for one app, kept in MySQL until the next one. */
export function addPause(program: Command): void {
  program
    .command('pause')
    .argument('[app]', 'may be left out where there is one app')
    .summary('send nothing of an app until resume')
    .description('Sends nothing of an app until it is resumed. Due rows are still planned; nothing is lost.')
    .addHelpText('after', '\nExample:\n  pushfleet pause')
    .action((app?: string) => decide('pause', app));
}

/** See {@link addPause}. */
export function addResume(program: Command): void {
  program
    .command('resume')
    .argument('[app-or-id]', 'an app (may be left out where there is one), or a held notification')
    .summary('send again')
    .description(
      'Lets a paused app, or one whose credential APNs refused, send again; or a notification that the brake holds.',
    )
    .addHelpText('after', '\nExamples:\n  pushfleet resume shop\n  pushfleet resume 4711')
    .action((app?: string) => decide('resume', app));
}

async function decide(verb: 'pause' | 'resume', given: string | undefined): Promise<void> {
  await withTool(async (tool) => {
    const isNotification = verb === 'resume' && given !== undefined && (await isHeld(tool, given));
    const { succeeded, result } = isNotification
      ? await askProducer(tool, { verb: 'resumeNotification', notificationId: given })
      : await askProducer(tool, { verb, app: await chooseApp(tool, given) });
    if (!succeeded) throw new CommandFailure(result);
    print(result);
  });
}

/** What is no app may be a notification: only one that is held can be resumed. */
async function isHeld(tool: Tool, given: string): Promise<boolean> {
  if ((await readApps(tool.store)).some(({ app }) => app === given)) return false;
  const status = await readStatus(tool.store, given, statusRules(tool));
  if (status !== null && status.state !== 'held')
    throw new CommandFailure(
      `notification ${given} is not held, it is ${status.state}; there is nothing to resume`,
    );
  return status !== null;
}
