import { Command } from 'commander';
import { addCancel } from './commands/cancel.ts';
import { addCheckSettings } from './commands/check-settings.ts';
import { addCompletion } from './commands/completion.ts';
import { addDevice } from './commands/device.ts';
import { addDevices } from './commands/devices.ts';
import { addDoctor } from './commands/doctor.ts';
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

/** pushfleet: every process and tool as a subcommand. Each loads what it needs when it is called. */
export function buildProgram(): Command {
  const program = new Command('pushfleet')
    .description('The push server that iOS backends run: from a MySQL row to an iPhone.')
    .showHelpAfterError('(pushfleet help, or --help behind a command, says more)')
    .exitOverride();
  // Both are inherited by the subcommands that are added from here on.
  program.configureHelp({ showGlobalOptions: false });

  addUpCommand(program);
  addMigrate(program);
  addDoctor(program);
  addCheckSettings(program);
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
  addCompletion(program);
  return program;
}
