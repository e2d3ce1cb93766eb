import { loginFaults } from '@pushfleet/app-board/login';
import { credentialFaults } from '@pushfleet/app-worker/worker-config';
import { type Environment, loadConfig } from '@pushfleet/shared/platform/config';
import {
  boardSettings,
  producerSettings,
  toolSettings,
  workerSettings,
} from '@pushfleet/shared/platform/process-settings';
import { SECRETS, type SettingName, settings } from '@pushfleet/shared/platform/settings';
import type { Parts } from './plan-parts.ts';

export type Settings = Record<string, string>;

/** What stands in for an embedded part until it runs. */
const STAND_INS: Readonly<Record<keyof Parts, Settings>> = {
  mysql: { PUSHFLEET_MYSQL_URL: 'mysql://root@127.0.0.1/sample' },
  redis: { PUSHFLEET_REDIS_URL: 'redis://127.0.0.1' },
  apns: {
    PUSHFLEET_APNS_TOPIC: 'com.example.sample',
    PUSHFLEET_APNS_ENVIRONMENT: 'sandbox',
    PUSHFLEET_APNS_KEY: 'made at start',
    PUSHFLEET_APNS_KEY_ID: 'KEYID12345',
    PUSHFLEET_APNS_TEAM_ID: 'TEAMID1234',
  },
};

/**
 * Looks at the settings of all processes before anything starts.
 * @throws ConfigurationError with all faults at once
 */
export function checkSettings(environment: Environment, parts: Parts): void {
  const embedded = (['mysql', 'redis', 'apns'] as const).filter((kind) => parts[kind] === 'embedded');
  const complete = Object.assign(
    { ...environment },
    ...embedded.map((kind) => STAND_INS[kind]),
  ) as Environment;
  // With a file of apps, topic and environment stand there for the producer; a worker needs them all the same.
  const names = [
    ...new Set<SettingName>([...producerSettings, ...workerSettings, ...boardSettings, ...toolSettings]),
  ];
  loadConfig(names, complete, (config) => [...credentialFaults(config), ...loginFaults(config)]);
}

/** The settings among the variables of an environment; empty ones are none. */
export function givenSettings(environment: Environment): Settings {
  const known = new Set([...Object.keys(settings), ...SECRETS.map((name) => `${name}_FILE`)]);
  return Object.fromEntries(
    Object.entries(environment).filter(
      (entry): entry is [string, string] => known.has(entry[0]) && (entry[1] ?? '').trim() !== '',
    ),
  );
}
