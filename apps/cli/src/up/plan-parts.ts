import type { Environment } from '@pushfleet/shared/platform/config';

/** Whether a part is the caller's, or runs embedded: private, on this machine. */
export type Origin = 'configured' | 'embedded';

export interface Parts {
  readonly mysql: Origin;
  readonly redis: Origin;
  readonly apns: Origin;
}

/** `refused`: exit code 2 with the sentence. */
export type UpPlan =
  | { readonly kind: 'run'; readonly parts: Parts; readonly sample: boolean }
  | { readonly kind: 'refused'; readonly sentence: string };

const NAMES = { mysql: 'MySQL', redis: 'Redis', apns: 'APNs' } as const;
const MENDS = {
  mysql: 'PUSHFLEET_MYSQL_URL',
  redis: 'PUSHFLEET_REDIS_URL',
  apns: 'PUSHFLEET_APNS_*',
} as const;
const KINDS = ['mysql', 'redis', 'apns'] as const;

/** Settings that say something of a server, and mean nothing without its address. */
const BELONGS_TO: ReadonlyMap<string, keyof Parts> = new Map([
  ['PUSHFLEET_MYSQL_PASSWORD', 'mysql'],
  ['PUSHFLEET_MYSQL_PASSWORD_FILE', 'mysql'],
  ['PUSHFLEET_MYSQL_CA_FILE', 'mysql'],
  ['PUSHFLEET_STATE_DATABASE', 'mysql'],
  ['PUSHFLEET_SCHEMA_FILE', 'mysql'],
  ['PUSHFLEET_REDIS_PASSWORD', 'redis'],
  ['PUSHFLEET_REDIS_PASSWORD_FILE', 'redis'],
  ['PUSHFLEET_REDIS_CA_FILE', 'redis'],
  ['PUSHFLEET_APPS_FILE', 'apns'],
]);

/**
 * What `up` runs: everything embedded with sample data, everything configured without, and a mixture only
 * where it was asked for with `--no-sample`. Sample data exists only where MySQL and APNs are both embedded.
 * Pure.
 */
export function planUp(environment: Environment, wantsSample: boolean): UpPlan {
  if (environment.NODE_ENV === 'production')
    return refuse(
      'up is for trying out and does not run under NODE_ENV=production; run pushfleet producer, worker and board.',
    );
  const parts = partsOf(environment);
  const lonely = lonelySetting(environment, parts);
  if (lonely !== undefined) return refuse(lonely);

  const configured = KINDS.filter((kind) => parts[kind] === 'configured');
  const embedded = KINDS.filter((kind) => parts[kind] === 'embedded');
  const isMixed = configured.length > 0 && embedded.length > 0;
  if (isMixed && wantsSample) return refuse(mixtureSentence(environment, configured, embedded));
  return { kind: 'run', parts, sample: wantsSample && configured.length === 0 };
}

/** Any setting of APNs counts: half a credential must not end at the simulator unnoticed. */
function partsOf(environment: Environment): Parts {
  const origin = (isConfigured: boolean): Origin => (isConfigured ? 'configured' : 'embedded');
  return {
    mysql: origin(isSet(environment, 'PUSHFLEET_MYSQL_URL')),
    redis: origin(isSet(environment, 'PUSHFLEET_REDIS_URL')),
    apns: origin(apnsSettings(environment).length > 0),
  };
}

function lonelySetting(environment: Environment, parts: Parts): string | undefined {
  for (const [name, kind] of BELONGS_TO) {
    if (parts[kind] === 'embedded' && isSet(environment, name))
      return `${name} is set, but ${MENDS[kind]} is not, so ${NAMES[kind]} would run embedded and could not use it: set both or neither.`;
  }
  return undefined;
}

type Kinds = readonly (keyof Parts)[];

function mixtureSentence(environment: Environment, configured: Kinds, embedded: Kinds): string {
  const namesOf = (kinds: Kinds) => listed(kinds.map((kind) => NAMES[kind]));
  const set = configured.flatMap((kind) => (kind === 'apns' ? apnsSettings(environment) : [MENDS[kind]]));
  return (
    `${namesOf(configured)} ${configured.length === 1 ? 'is' : 'are'} configured (${set.join(', ')}), ` +
    `${namesOf(embedded)} would run embedded, and such a mixture gets no sample data. ` +
    `Unset ${set.length === 1 ? set[0] : 'them'} to try everything out, ` +
    `set ${listed(embedded.map((kind) => MENDS[kind]))} too to run on your own servers, ` +
    'or give --no-sample (npm start -- --no-sample) if you want exactly this.'
  );
}

function apnsSettings(environment: Environment): string[] {
  return Object.keys(environment).filter(
    (name) => name.startsWith('PUSHFLEET_APNS_') && isSet(environment, name),
  );
}

function isSet(environment: Environment, name: string): boolean {
  return (environment[name] ?? '').trim() !== '';
}

function listed(words: readonly string[]): string {
  return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} and ${words.at(-1)}`;
}

function refuse(sentence: string): UpPlan {
  return { kind: 'refused', sentence };
}
