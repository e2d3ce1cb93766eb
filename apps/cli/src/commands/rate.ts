import { readAppStatus } from '@pushfleet/shared/store/app-status';
import type { Command } from 'commander';
import { askProducer } from '../ask-producer.ts';
import { chooseApp } from '../choose-app.ts';
import { CommandFailure } from '../failure.ts';
import { print } from '../output.ts';
import { type Tool, withTool } from '../tool.ts';

const VALUE = /^(\d{1,7}|off|default)$/;

/** rate: how many pushes per second the fleet sends for an app. */
export function addRate(program: Command): void {
  program
    .command('rate')
    .argument('[app]', 'may be left out where there is one app')
    .argument('[value]', 'pushes per second, off, or default (PUSHFLEET_RATE_PER_SECOND)')
    .summary('show or set the fleet-wide rate of an app')
    .description('Shows or sets how many pushes per second the whole fleet sends for an app.')
    .addHelpText(
      'after',
      '\nExamples:\n  pushfleet rate\n  pushfleet rate 500\n  pushfleet rate shop default',
    )
    .action(async (first?: string, second?: string) => {
      const isValue = second === undefined && first !== undefined && VALUE.test(first);
      const [app, value] = isValue ? [undefined, first] : [first, second];
      if (value !== undefined && (!VALUE.test(value) || value === '0'))
        throw new CommandFailure(
          `"${value}" is no rate: give pushes per second from 1 on, off, or default (to stop sending: pushfleet pause)`,
          2,
        );
      await withTool((tool) => (value === undefined ? show(tool, app) : set(tool, app, value)));
    });
}

async function set(tool: Tool, given: string | undefined, value: string): Promise<void> {
  const app = await chooseApp(tool, given);
  const perSecond = value === 'default' ? null : value === 'off' ? 0 : Number(value);
  const { succeeded, result } = await askProducer(tool, { verb: 'rate', app, perSecond });
  if (!succeeded) throw new CommandFailure(result);
  print(result);
}

async function show(tool: Tool, given: string | undefined): Promise<void> {
  if (given !== undefined) await chooseApp(tool, given);
  const apps = await readAppStatus(tool.store, tool.config.PUSHFLEET_RATE_PER_SECOND);
  for (const { app, ratePerSecond, rateFrom } of apps.filter(
    (row) => given === undefined || row.app === given,
  )) {
    const rate = ratePerSecond === null ? 'no limit' : `${ratePerSecond} pushes per second`;
    print(`${app}: ${rate} (${rateFrom === 'operator' ? 'set by an operator' : 'from the settings'})`);
  }
}
