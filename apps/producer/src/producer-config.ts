import { readFileSync } from 'node:fs';
import { type App, appsFileSchema, plainApp } from '@pushfleet/shared/domain/apps';
import {
  type Config,
  ConfigurationError,
  type Environment,
  loadConfig,
} from '@pushfleet/shared/platform/config';
import { producerSettings } from '@pushfleet/shared/platform/process-settings';

export type ProducerConfig = Config<(typeof producerSettings)[number]>;

/** @throws ConfigurationError with all faults at once */
export function loadProducerConfig(environment: Environment): ProducerConfig {
  // With a file of apps, topic and environment stand there.
  const hasAppsFile = (environment.PUSHFLEET_APPS_FILE ?? '').trim() !== '';
  const names = hasAppsFile
    ? producerSettings.filter(
        (name) => name !== 'PUSHFLEET_APNS_TOPIC' && name !== 'PUSHFLEET_APNS_ENVIRONMENT',
      )
    : producerSettings;
  return loadConfig(names, environment, (config) => {
    const { PUSHFLEET_MAX_AGE: maxAge, PUSHFLEET_RETENTION: retention } = config as Partial<ProducerConfig>;
    const window = maxAge === 'today' ? 86_400_000 : (maxAge ?? 0);
    return retention !== undefined && retention < 2 * window
      ? ['PUSHFLEET_RETENTION must be at least twice PUSHFLEET_MAX_AGE, or a removed row would be sent again']
      : [];
  }) as ProducerConfig;
}

/**
 * The apps that rows may choose, from PUSHFLEET_APPS_FILE or one from the settings.
 * @throws ConfigurationError
 */
export function readApps(config: ProducerConfig): App[] {
  const path = config.PUSHFLEET_APPS_FILE;
  if (path === undefined)
    return [plainApp(config.PUSHFLEET_APP, config.PUSHFLEET_APNS_TOPIC, config.PUSHFLEET_APNS_ENVIRONMENT)];
  let content: unknown;
  try {
    content = JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new ConfigurationError([
      `PUSHFLEET_APPS_FILE: ${path} cannot be read as JSON (${(error as Error).message})`,
    ]);
  }
  const read = appsFileSchema.safeParse(content);
  if (!read.success)
    throw new ConfigurationError(
      read.error.issues.map(
        ({ path: at, message }) => `PUSHFLEET_APPS_FILE: ${at.join('.') || 'the file'} ${message}`,
      ),
    );
  const { apps } = read.data;
  if (!apps.some(({ name }) => name === config.PUSHFLEET_APP) && apps.length > 1)
    throw new ConfigurationError([
      `PUSHFLEET_APP: the default app "${config.PUSHFLEET_APP}" is not in PUSHFLEET_APPS_FILE (${apps.map(({ name }) => name).join(', ')})`,
    ]);
  return apps;
}
