import { chmodSync, rmSync, writeFileSync } from 'node:fs';
import { SECRETS, type SettingName } from '@pushfleet/shared/platform/settings';
import type { Settings } from './check-settings.ts';

/** Where the caller's own passwords may stand. */
const ADDRESSES: readonly string[] = ['PUSHFLEET_MYSQL_URL', 'PUSHFLEET_REDIS_URL', 'PUSHFLEET_APNS_PROXY'];

/**
 * Writes what later commands use while nothing is configured, readable for its owner alone. Secrets and
 * addresses that the caller has configured stay with the caller: a file that a killed run leaves behind must
 * not lead anybody to a real database.
 */
export function writeEnvFile(path: string, settings: Settings, given: Settings): void {
  const isCallers = (name: string) =>
    name in given && (ADDRESSES.includes(name) || SECRETS.includes(name as SettingName));
  const lines = Object.entries(settings).filter(([name]) => !isCallers(name));
  const text = lines.map(([name, value]) => `${name}=${quoted(value)}\n`).join('');
  writeFileSync(path, `# Of the running "pushfleet up"; gone when it stops.\n${text}`, { mode: 0o600 });
  chmodSync(path, 0o600);
}

export function removeEnvFile(path: string): void {
  rmSync(path, { force: true });
}

/** As Node's parseEnv reads it: quotes know no escapes. */
function quoted(value: string): string {
  if (/^[\w./:@?=,+-]*$/.test(value)) return value;
  const quote = ["'", '`', '"'].find((mark) => !value.includes(mark)) ?? "'";
  return `${quote}${value}${quote}`;
}
