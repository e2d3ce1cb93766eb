import type { ProducerConfig } from '@pushfleet/app-producer/producer-config';
import { type App, plainApp } from '@pushfleet/shared/domain/apps';
import { type Environment, loadConfig } from '@pushfleet/shared/platform/config';
import type { ToolConfig } from '../tool.ts';

/**
 * The apps of the settings, as a producer has them; without any, one that has no topic yet.
 * @throws ConfigurationError
 */
export async function shadowApps(config: ToolConfig, environment: Environment): Promise<App[]> {
  const has = (name: string) => (environment[name] ?? '').trim() !== '';
  if (has('PUSHFLEET_APPS_FILE')) {
    const { readApps } = await import('@pushfleet/app-producer/producer-config');
    const file = loadConfig(['PUSHFLEET_APPS_FILE', 'PUSHFLEET_APP'], environment);
    return readApps(file as ProducerConfig);
  }
  if (!has('PUSHFLEET_APNS_TOPIC') && !has('PUSHFLEET_APNS_ENVIRONMENT'))
    return [plainApp(config.PUSHFLEET_APP, '', 'production')];
  const one = loadConfig(['PUSHFLEET_APNS_TOPIC', 'PUSHFLEET_APNS_ENVIRONMENT'], environment);
  return [plainApp(config.PUSHFLEET_APP, one.PUSHFLEET_APNS_TOPIC, one.PUSHFLEET_APNS_ENVIRONMENT)];
}
