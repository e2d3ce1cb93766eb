import { type Command, Option } from 'commander';
import { ownEnvironment } from '../environment.ts';

interface UpFlags {
  readonly once?: boolean;
  readonly sample: boolean;
  readonly demoMysql?: string;
  readonly demoRedis?: string;
}

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
    // For docker-compose.yml, whose servers are containers; what they hold is thrown away with them.
    .addOption(
      new Option('--demo-mysql <host:port>', 'an empty MySQL in place of an embedded one').hideHelp(),
    )
    .addOption(
      new Option('--demo-redis <host:port>', 'an empty Redis in place of an embedded one').hideHelp(),
    )
    .addHelpText('after', '\nExamples:\n  pushfleet up\n  pushfleet up --once')
    .action(async ({ once, sample, demoMysql: mysql, demoRedis: redis }: UpFlags) => {
      const { runUp } = await import('./up.ts');
      const demo = mysql !== undefined && redis !== undefined ? { mysql, redis } : undefined;
      process.exit(await runUp({ once: once === true, sample, demo }, ownEnvironment()));
    });
}
