import { loadConfig } from '@pushfleet/shared/platform/config';
import { createLog } from '@pushfleet/shared/platform/log';
import { checkRedis } from '@pushfleet/shared/queue/redis-check';
import { connectRedis, readCa } from '@pushfleet/shared/queue/redis-connection';
import type { Settings } from './check-settings.ts';

const REDIS_SETTINGS = [
  'PUSHFLEET_REDIS_URL',
  'PUSHFLEET_REDIS_PASSWORD',
  'PUSHFLEET_REDIS_CA_FILE',
] as const;

/**
 * Looks at a configured Redis before anything is started.
 * @throws ConfigurationError where it does not answer, or forgets or evicts
 */
export async function checkConfiguredRedis(settings: Settings): Promise<void> {
  const config = loadConfig(REDIS_SETTINGS, settings);
  const redis = connectRedis(
    {
      target: config.PUSHFLEET_REDIS_URL,
      password: config.PUSHFLEET_REDIS_PASSWORD,
      ca: readCa(config.PUSHFLEET_REDIS_CA_FILE),
      log: createLog('cli', { level: 'silent', format: 'json' }),
    },
    'adding',
  );
  try {
    await checkRedis(redis);
  } finally {
    redis.disconnect();
  }
}
