import { Command } from 'commander';

type AddCommand = (program: Command) => void;

/** Where each command is defined, in the order of the help. Some files define two. */
const COMMANDS: ReadonlyMap<string, () => Promise<AddCommand>> = new Map([
  ['up', async () => (await import('./commands/up-command.ts')).addUpCommand],
  ['migrate', async () => (await import('./commands/migrate.ts')).addMigrate],
  ['doctor', async () => (await import('./commands/doctor.ts')).addDoctor],
  ['check-settings', async () => (await import('./commands/check-settings.ts')).addCheckSettings],
  ['producer', async () => (await import('./commands/processes.ts')).addProducer],
  ['worker', async () => (await import('./commands/processes.ts')).addWorker],
  ['board', async () => (await import('./commands/processes.ts')).addBoard],
  ['simulator', async () => (await import('./commands/simulator.ts')).addSimulator],
  ['status', async () => (await import('./commands/status.ts')).addStatus],
  ['explain', async () => (await import('./commands/explain.ts')).addExplain],
  ['device', async () => (await import('./commands/device.ts')).addDevice],
  ['send', async () => (await import('./commands/send.ts')).addSend],
  ['cancel', async () => (await import('./commands/cancel.ts')).addCancel],
  ['replay', async () => (await import('./commands/replay.ts')).addReplay],
  ['pause', async () => (await import('./commands/pause-resume.ts')).addPause],
  ['resume', async () => (await import('./commands/pause-resume.ts')).addResume],
  ['rate', async () => (await import('./commands/rate.ts')).addRate],
  ['devices', async () => (await import('./commands/devices.ts')).addDevices],
  ['shadow', async () => (await import('./commands/shadow.ts')).addShadow],
  ['completion', async () => (await import('./commands/completion.ts')).addCompletion],
]);

/** These speak of all the others. */
const NEED_ALL = new Set(['completion']);

/**
 * pushfleet: every process and tool as a subcommand.
 * @param called the first word of the command line. When it is a command, only that one is defined: the modules
 * of all take longer to load than most commands run. Anything else (help, a misspelt word) needs them all.
 */
export async function buildProgram(called?: string): Promise<Command> {
  const program = new Command('pushfleet')
    .description('The push server that iOS backends run: from a MySQL row to an iPhone.')
    .showHelpAfterError('(pushfleet help, or --help behind a command, says more)')
    .exitOverride();
  // Both are inherited by the subcommands that are added from here on.
  program.configureHelp({ showGlobalOptions: false });

  for (const load of neededFor(called)) (await load())(program);
  return program;
}

function neededFor(called: string | undefined): Iterable<() => Promise<AddCommand>> {
  const one = called === undefined || NEED_ALL.has(called) ? undefined : COMMANDS.get(called);
  return one === undefined ? COMMANDS.values() : [one];
}
