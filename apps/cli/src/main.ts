import { Command, CommanderError } from 'commander';
import { addCancel } from './commands/cancel.ts';
import { addDevice } from './commands/device.ts';
import { addDevices } from './commands/devices.ts';
import { addExplain } from './commands/explain.ts';
import { addMigrate } from './commands/migrate.ts';
import { addPauseAndResume } from './commands/pause-resume.ts';
import { addProcesses } from './commands/processes.ts';
import { addRate } from './commands/rate.ts';
import { addReplay } from './commands/replay.ts';
import { addSend } from './commands/send.ts';
import { addShadow } from './commands/shadow.ts';
import { addSimulator } from './commands/simulator.ts';
import { addStatus } from './commands/status.ts';
import { addUpCommand } from './commands/up-command.ts';
import { reportFailure } from './failure.ts';

/** pushfleet: every process and tool as a subcommand. Each loads what it needs when it is called. */
function buildProgram(): Command {
  const program = new Command('pushfleet')
    .description('The push server that iOS backends run: from a MySQL row to an iPhone.')
    .showHelpAfterError('(pushfleet help, or --help behind a command, says more)')
    .exitOverride();
  // Both are inherited by the subcommands that are added from here on.
  program.configureHelp({ showGlobalOptions: false });

  addUpCommand(program);
  addMigrate(program);
  addProcesses(program);
  addSimulator(program);
  addStatus(program);
  addExplain(program);
  addDevice(program);
  addSend(program);
  addCancel(program);
  addReplay(program);
  addPauseAndResume(program);
  addRate(program);
  addDevices(program);
  addShadow(program);
  return program;
}

async function main(): Promise<void> {
  // A reader that has seen enough (`pushfleet status | head`) is no failure.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0);
  });
  try {
    await buildProgram().parseAsync();
  } catch (error) {
    // Commander has printed its own; help and version that were asked for are no failure.
    process.exitCode =
      error instanceof CommanderError ? (error.exitCode === 0 ? 0 : 2) : reportFailure(error);
  }
}

void main();
