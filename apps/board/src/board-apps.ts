import { readFileSync } from 'node:fs';
import { ConfigurationError } from '@pushfleet/shared/platform/config';

/** Apps whose queues the board shows: those of the file, without one the app of this installation. */
export function boardApps(app: string, appsFile: string | undefined): readonly string[] {
  return appsFile === undefined ? [app] : namesIn(appsFile);
}

/**
 * The names in `{"apps": [{"name": "…"}]}`. What else the file says of an app is the producer's.
 *
 * @throws ConfigurationError naming the file
 */
function namesIn(path: string): readonly string[] {
  const parsed = readJson(path);
  const apps = (parsed as { apps?: unknown } | null)?.apps;
  const names = Array.isArray(apps) ? apps.map((app: { name?: unknown } | null) => app?.name) : [];
  if (names.length === 0 || !names.every((name) => typeof name === 'string' && name !== '')) {
    throw new ConfigurationError([
      `PUSHFLEET_APPS_FILE: ${path} must look like {"apps": [{"name": "shop"}]} and name at least one app`,
    ]);
  }
  return [...new Set(names as string[])];
}

function readJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    const why = error instanceof SyntaxError ? 'is not JSON' : 'cannot be read';
    throw new ConfigurationError([`PUSHFLEET_APPS_FILE: ${path} ${why}`]);
  }
}
