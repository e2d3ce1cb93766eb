import { loadProducerConfig, readApps } from '@pushfleet/app-producer/producer-config';
import { loadWorkerConfig } from '@pushfleet/app-worker/worker-config';
import { ConfigurationError, type Environment } from '@pushfleet/shared/platform/config';
import { type Finding, fault, ok, warning } from './finding.ts';

/** Which processes these settings are for. */
export interface Roles {
  readonly producer: boolean;
  readonly worker: boolean;
}

/** A producer has MySQL, a worker has a credential; one file of settings may serve both. */
export function rolesOf(environment: Environment): Roles {
  const has = (name: string) => (environment[name] ?? '').trim() !== '';
  return {
    producer: has('PUSHFLEET_MYSQL_URL'),
    worker: ['PUSHFLEET_APNS_KEY', 'PUSHFLEET_APNS_CERT'].some((name) => has(name) || has(`${name}_FILE`)),
  };
}

/** These have a check of their own, which can say more. */
const SAID_ELSEWHERE = /^PUSHFLEET_APNS_(KEY|TEAM)_ID (must|is missing)/;

/** The settings of each process, by the rules of its start. */
export function settingsFindings(environment: Environment, roles: Roles): Finding[] {
  if (!roles.producer && !roles.worker) return [ofNoProcess(environment)];
  const faults = new Set<string>();
  if (roles.producer) collect(faults, () => readApps(loadProducerConfig(environment)));
  if (roles.worker) collect(faults, () => loadWorkerConfig(environment));
  const told = [...faults].filter((text) => !SAID_ELSEWHERE.test(text));
  if (faults.size === 0) {
    const names = [roles.producer && 'producer', roles.worker && 'worker'].filter(Boolean);
    return [ok('settings', `those of a ${names.join(' and a ')} are complete`)];
  }
  return told.map((text) => settingFinding('settings', text));
}

/** Redis alone: as much as can be looked at is, and what each process would need besides is told. */
function ofNoProcess(environment: Environment): Finding {
  const producer = new Set<string>();
  const worker = new Set<string>();
  collect(producer, () => loadProducerConfig(environment));
  collect(worker, () => loadWorkerConfig(environment));
  return warning(
    'settings',
    'neither a producer nor a worker can start with these',
    null,
    `a producer: ${[...producer].join('; ')}\na worker: ${[...worker].join('; ')}`,
  );
}

/** A fault as the start tells it: what stands behind the last semicolon says what to do. */
export function settingFinding(check: string, text: string): Finding {
  const cut = text.lastIndexOf('; ');
  if (cut !== -1) return fault(check, text.slice(0, cut), null, text.slice(cut + 2));
  if (text.includes('cannot be read'))
    return fault(check, text, null, 'mend the path, or let this user read the file');
  const name = /PUSHFLEET_[A-Z_]+/.exec(text)?.[0] ?? 'the setting';
  return fault(check, text, null, `set ${name} as docs/configuration.md says`);
}

function collect(faults: Set<string>, read: () => unknown): void {
  try {
    read();
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    for (const text of error.faults) faults.add(text);
  }
}
