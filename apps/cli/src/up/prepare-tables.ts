import { loadConfig } from '@pushfleet/shared/platform/config';
import { toolSettings } from '@pushfleet/shared/platform/process-settings';
import { readFleet, SchemaVersionError } from '@pushfleet/shared/store/fleet';
import { migrate } from '@pushfleet/shared/store/migrations';
import { openStore } from '@pushfleet/shared/store/open-store';
import { CommandFailure } from '../failure.ts';
import type { Tool } from '../tool.ts';
import type { Settings } from './check-settings.ts';

/** MySQL as the tools see it; `close` ends its connections. */
export interface OpenTool extends Tool {
  close(): Promise<void>;
}

/**
 * Opens the database. The `pushfleet_*` tables of an embedded one are made; those of a configured one are
 * only looked at: they are made by `pushfleet migrate` and nothing else.
 *
 * @throws CommandFailure with exit code 2 where a configured database has no tables, or others
 */
export async function openPreparedTool(settings: Settings, isEmbedded: boolean): Promise<OpenTool> {
  const config = loadConfig(toolSettings, settings);
  const store = await openStore(config, 2);
  try {
    if (isEmbedded) await migrate(store.database, store.tables, store.backend);
    await readFleet(store.database, store.tables);
    return { store, config, environment: settings, close: () => store.close() };
  } catch (error) {
    await store.close();
    if (!(error instanceof SchemaVersionError)) throw error;
    throw new CommandFailure(`${error.message} (up changes nothing in a configured database)`, 2);
  }
}
