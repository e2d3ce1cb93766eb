import { loadConfig } from '@pushfleet/shared/platform/config';
import { toolSettings } from '@pushfleet/shared/platform/process-settings';
import type { Command } from 'commander';
import { toolEnvironment } from '../environment.ts';
import { print } from '../output.ts';

/** migrate: the only thing that makes or changes `pushfleet_*` tables. */
export function addMigrate(program: Command): void {
  program
    .command('migrate')
    .summary('make or upgrade the pushfleet_* tables')
    .description(
      'Makes or upgrades the pushfleet_* tables. Nothing else ever does, and the tables of the backend are not changed.',
    )
    .addHelpText('after', '\nExample:\n  PUSHFLEET_MYSQL_URL=mysql://admin@db/app pushfleet migrate')
    .action(async () => {
      const { openStore } = await import('@pushfleet/shared/store/open-store');
      const { migrate, SCHEMA_VERSION } = await import('@pushfleet/shared/store/migrations');
      const { readFleet } = await import('@pushfleet/shared/store/fleet');
      const { dueIndexStatement } = await import('@pushfleet/shared/store/backend-schema');
      const store = await openStore(loadConfig(toolSettings, toolEnvironment()), 2);
      try {
        const applied = await migrate(store.database, store.tables, store.backend);
        const { schemaVersion } = await readFleet(store.database, store.tables);
        if (schemaVersion > SCHEMA_VERSION)
          print(
            `the tables are of version ${schemaVersion}, newer than this program (${SCHEMA_VERSION}), which works with them; they stay as they are`,
          );
        else print(applied.length === 0 ? 'the tables are up to date' : `applied ${applied.join(', ')}`);
        if (!store.backend.dueQueryHasIndex)
          print(
            `Finding due rows reads the whole table. Make an index:\n  ${dueIndexStatement(store.backend.mapping)}`,
          );
      } finally {
        await store.close();
      }
    });
}
