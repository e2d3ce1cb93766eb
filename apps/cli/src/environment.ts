import { join } from 'node:path';
import { type Environment, withEnvFile } from '@pushfleet/shared/platform/config';

/** What `pushfleet up` wrote for the commands after it. */
export const UP_ENV_FILE = '.pushfleet/env';

const CONFIGURES = ['PUSHFLEET_MYSQL_URL', 'PUSHFLEET_REDIS_URL'];

/** The environment of every process and tool: the process's own, completed from `.env` in `directory`. */
export function ownEnvironment(directory = process.cwd()): Environment {
  return withEnvFile(process.env, join(directory, '.env'));
}

/**
 * The same, and while nothing is configured at all, what a running `pushfleet up` wrote: never a mixture
 * of a real database and embedded parts.
 */
export function toolEnvironment(directory = process.cwd()): Environment {
  const own = ownEnvironment(directory);
  return isConfigured(own) ? own : withEnvFile(own, join(directory, UP_ENV_FILE));
}

function isConfigured(environment: Environment): boolean {
  return Object.entries(environment).some(
    ([name, value]) =>
      (CONFIGURES.includes(name) || name.startsWith('PUSHFLEET_APNS_')) && (value ?? '').trim() !== '',
  );
}
