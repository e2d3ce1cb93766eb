import { loadProducerConfig, readApps } from '@pushfleet/app-producer/producer-config';
import type { App } from '@pushfleet/shared/domain/apps';
import { type Environment, loadConfig } from '@pushfleet/shared/platform/config';
import { CommandFailure } from '../failure.ts';
import { givenSettings } from '../up/check-settings.ts';
import { appFinding, workerApp } from './app-finding.ts';
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
  const known = givenSettings(environment);
  if (!roles.producer && !roles.worker && known.PUSHFLEET_REDIS_URL === undefined)
    throw new CommandFailure(
      'nothing to check: set PUSHFLEET_MYSQL_URL (a producer), PUSHFLEET_APNS_KEY_FILE (a worker) or PUSHFLEET_REDIS_URL (both) here or in .env, or start pushfleet up',
      2,
    );
  const apns = roles.worker ? checkApns(known, now) : null;
  const ports = checkPorts(known);
  const mysql = roles.producer ? await checkMysql(known, now()) : null;
  const declared = roles.producer ? declaredApps(known) : [];
  const worker = roles.worker ? workerApp(known) : null;
  const twin = declared.find(({ name }) => name === worker?.app);
  return [
    ...settingsFindings(environment, roles),
    ...secretFileFindings(known),
    ...(mysql?.findings ?? [
      skipped('MySQL', 'not looked at: PUSHFLEET_MYSQL_URL is not set here (a worker needs none)'),
    ]),
    ...(worker !== null && twin !== undefined && known.PUSHFLEET_APPS_FILE !== undefined
      ? [appFinding(worker, twin, 'PUSHFLEET_APPS_FILE')]
      : []),
    ...(await checkRedis(known, appNames(known, declared), mysql?.fleet ?? null, worker)),
    ...((await apns) ?? [
      skipped('APNs', 'not looked at: no credential is set here (a producer needs none)'),
    ]),
    ...(await ports),
  ];
}

/** The apps of a producer with these settings; none where they are wrong, which is said with the settings. */
function declaredApps(known: Environment): App[] {
  try {
    return readApps(loadProducerConfig(known));
  } catch {
    return [];
  }
}

/** The apps whose part of Redis is looked at. */
function appNames(known: Environment, declared: readonly App[]): string[] {
  if (declared.length > 0) return declared.map(({ name }) => name);
  try {
    return [loadConfig(['PUSHFLEET_APP'], known).PUSHFLEET_APP];
  } catch {
    return [];
  }
}
