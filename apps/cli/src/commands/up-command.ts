import type { Command } from 'commander';
import { ownEnvironment } from '../environment.ts';

/** up: everything on this machine, for trying out. */
export function addUpCommand(program: Command): void {
  program
    .command('up')
    .summary('everything on this machine, for trying out')
    .description(
      'Runs everything on this machine, for trying out: what is not configured runs embedded (Redis, MySQL or MariaDB, an APNs simulator, sample data).',
    )
    .option('--once', 'end with exit code 0 when the sample notifications are sent')
    .option('--no-sample', 'without sample data')
    .addHelpText('after', '\nExamples:\n  pushfleet up\n  pushfleet up --once')
    .action(async ({ once, sample }: { once?: boolean; sample: boolean }) => {
      const { runUp } = await import('./up.ts');
      process.exit(await runUp({ once: once === true, sample }, ownEnvironment()));
    });
}
