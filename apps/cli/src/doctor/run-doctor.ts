import { readApps } from '@pushfleet/app-producer/producer-config';
import { type Environment, loadConfig } from '@pushfleet/shared/platform/config';
import { CommandFailure } from '../failure.ts';
import { givenSettings } from '../up/check-settings.ts';
import { checkApns } from './check-apns.ts';
import { checkMysql } from './check-mysql.ts';
import { checkPorts } from './check-ports.ts';
import { checkRedis } from './check-redis.ts';
import { type Finding, skipped } from './finding.ts';
import { secretFileFindings } from './secret-files.ts';
import { rolesOf, settingsFindings } from './settings-findings.ts';

/**
 * Looks at everything that a start with these settings depends on. Writes nothing, reaches no device.
 *
 * @param now reads the clock, milliseconds since 1970
 * @throws CommandFailure (2) where nothing is configured
 */
export async function runDoctor(environment: Environment, now: () => number = Date.now): Promise<Finding[]> {
  const roles = rolesOf(environment);
  if (!roles.producer && !roles.worker)
    throw new CommandFailure(
      'nothing to check: set PUSHFLEET_MYSQL_URL (a producer) or PUSHFLEET_APNS_KEY_FILE (a worker) here or in .env, or start pushfleet up',
      2,
    );
  const known = givenSettings(environment);
  const apns = roles.worker ? checkApns(known, now) : null;
  const ports = checkPorts(known);
  const mysql = roles.producer ? await checkMysql(known, now()) : null;
  return [
    ...settingsFindings(environment, roles),
    ...secretFileFindings(known),
    ...(mysql?.findings ?? [
      skipped('MySQL', 'not looked at: PUSHFLEET_MYSQL_URL is not set here (a worker needs none)'),
    ]),
    ...(await checkRedis(known, appNames(known), mysql?.fleet ?? null)),
    ...((await apns) ?? [
      skipped('APNs', 'not looked at: no credential is set here (a producer needs none)'),
    ]),
    ...(await ports),
  ];
}

/** The apps whose part of Redis is looked at. */
function appNames(known: Environment): string[] {
  try {
    const config = loadConfig(['PUSHFLEET_APP', 'PUSHFLEET_APPS_FILE'], known);
    if (config.PUSHFLEET_APPS_FILE === undefined) return [config.PUSHFLEET_APP];
    return readApps(config as Parameters<typeof readApps>[0]).map(({ name }) => name);
  } catch {
    return []; // Said with the settings.
  }
}
