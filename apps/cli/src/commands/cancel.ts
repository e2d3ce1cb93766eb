import { readStatus } from '@pushfleet/shared/store/status';
import type { Command } from 'commander';
import { askProducer } from '../ask-producer.ts';
import { CommandFailure } from '../failure.ts';
import { givenList } from '../given-list.ts';
import { print } from '../output.ts';
import { statusRules, type Tool, withTool } from '../tool.ts';

/** cancel: stops what is not sent yet. */
export function addCancel(program: Command): void {
  program
    .command('cancel')
    .argument('<ids...>', 'notification ids; - reads them from stdin')
    .summary('stop what is not sent yet')
    .description(
      'Stops what is not sent yet of notifications; recipients without an outcome become cancelled.',
    )
    .addHelpText(
      'after',
      '\nExamples:\n  pushfleet cancel 4711\n  mysql -N -e "SELECT id …" | pushfleet cancel -',
    )
    .action(async (given: string[]) => {
      const ids = await givenList(given, 'notification ids');
      await withTool(async (tool) => {
        await refuseUnknown(tool, ids);
        for (const notificationId of ids) {
          const { succeeded, result } = await askProducer(tool, { verb: 'cancel', notificationId });
          if (succeeded) print(result);
          else process.stderr.write(`pushfleet: ${result}\n`);
          if (!succeeded) process.exitCode = 1;
        }
      });
    });
}

/** Before anything is cancelled: one wrong id in a list is most likely a wrong list. */
async function refuseUnknown(tool: Tool, ids: readonly string[]): Promise<void> {
  const unknown: string[] = [];
  for (const id of ids) if ((await readStatus(tool.store, id, statusRules(tool))) === null) unknown.push(id);
  if (unknown.length > 0)
    throw new CommandFailure(
      `there is no notification ${unknown.slice(0, 10).join(', ')}; nothing was cancelled`,
    );
}
