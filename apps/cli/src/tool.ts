import { type Config, type Environment, loadConfig } from '@pushfleet/shared/platform/config';
import { toolSettings } from '@pushfleet/shared/platform/process-settings';
import { readFleet } from '@pushfleet/shared/store/fleet';
import { openStore } from '@pushfleet/shared/store/open-store';
import type { StatusRules } from '@pushfleet/shared/store/status';
import type { Store } from '@pushfleet/shared/store/store';
import { toolEnvironment } from './environment.ts';

export type ToolConfig = Config<(typeof toolSettings)[number]>;

/** What a command works with: MySQL, and the settings that every tool reads. */
export interface Tool {
  readonly store: Store;
  readonly config: ToolConfig;
  readonly environment: Environment;
}

/**
 * Opens MySQL for one command and closes it afterwards.
 * @throws ConfigurationError, BackendSchemaError, SchemaVersionError, MySQL's errors
 */
export async function withTool(work: (tool: Tool) => Promise<void>): Promise<void> {
  const environment = toolEnvironment();
  const config = loadConfig(toolSettings, environment);
  const store = await openStore(config, 2);
  try {
    await readFleet(store.database, store.tables);
    await work({ store, config, environment });
  } finally {
    await store.close();
  }
}

export function statusRules({ config }: Tool): StatusRules {
  return {
    zone: config.PUSHFLEET_TIMEZONE,
    maxAge: config.PUSHFLEET_MAX_AGE,
    defaultApp: config.PUSHFLEET_APP,
    now: Date.now(),
  };
}
