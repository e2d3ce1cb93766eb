import type { Environment } from '@pushfleet/shared/platform/config';
import type { Command } from 'commander';
import { ownEnvironment } from '../environment.ts';

interface UpModule {
  runUp(options: { once: boolean; sample: boolean }, environment: Environment): Promise<number>;
}

const UP_MODULE: string = './up.js';

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
      const { runUp } = (await import(UP_MODULE)) as UpModule;
      process.exit(await runUp({ once: once === true, sample }, ownEnvironment()));
    });
}
