import { readFileSync } from 'node:fs';
import { parseEnv } from 'node:util';
import type { z } from 'zod';
import { SECRETS, type SettingName, settings } from './settings.ts';

export type Environment = Readonly<Record<string, string | undefined>>;
export type Config<Name extends SettingName> = { readonly [N in Name]: z.output<(typeof settings)[N]> };

/** The settings cannot be used as they are. Says every fault at once; the process ends with exit code 2. */
export class ConfigurationError extends Error {
  readonly code = 'PUSHFLEET_CONFIGURATION';
  constructor(readonly faults: readonly string[]) {
    super(
      `${faults.length === 1 ? 'one setting is' : `${faults.length} settings are`} wrong:\n${faults.map((fault) => `  ${fault}`).join('\n')}`,
    );
  }
}

/**
 * Reads the named settings, checks all of them, and fails with all faults at once.
 * After this nobody reads the environment.
 *
 * @throws ConfigurationError
 */
export function loadConfig<Name extends SettingName>(
  names: readonly Name[],
  environment: Environment,
  moreFaults: (config: Partial<Config<Name>>) => readonly string[] = () => [],
): Config<Name> {
  const faults = unknownNames(environment);
  const config: Partial<Record<SettingName, unknown>> = {};
  for (const name of names) {
    const value = settingValue(name, environment, faults);
    const read = settings[name].safeParse(value);
    if (read.success) config[name] = read.data;
    else if (value === undefined) faults.push(`${name} is missing`);
    else faults.push(`${name} ${read.error.issues.map((issue) => issue.message).join(', ')}`);
  }
  faults.push(...moreFaults(config as Partial<Config<Name>>));
  if (faults.length > 0) throw new ConfigurationError(faults);
  return config as Config<Name>;
}

/**
 * The environment with what a file adds to it: names that the environment itself has win.
 * A file that does not exist adds nothing.
 */
export function withEnvFile(environment: Environment, path: string): Environment {
  try {
    return { ...parseEnv(readFileSync(path, 'utf8')), ...environment };
  } catch {
    return environment;
  }
}

/** A value, or the text of the file that NAME_FILE points to; an empty value is none (compose passes them). */
function settingValue(name: SettingName, environment: Environment, faults: string[]): string | undefined {
  const value = orUndefined(environment[name]);
  if (!SECRETS.includes(name)) return isServiceAddress(value) ? undefined : value;
  const path = orUndefined(environment[`${name}_FILE`]);
  if (path === undefined) return value;
  if (value !== undefined) {
    faults.push(`${name} and ${name}_FILE are both set; keep one`);
    return value;
  }
  try {
    return readFileSync(path, 'utf8').replace(/\r?\n$/, '');
  } catch (error) {
    faults.push(
      `${name}_FILE: ${path} cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown error'})`,
    );
    return undefined;
  }
}

function orUndefined(value: string | undefined): string | undefined {
  return value === undefined || value.trim() === '' ? undefined : value;
}

function unknownNames(environment: Environment): string[] {
  const known = [...Object.keys(settings), ...SECRETS.map((name) => `${name}_FILE`)];
  return Object.keys(environment)
    .filter((name) => name.startsWith('PUSHFLEET_') && !known.includes(name))
    .filter((name) => !name.startsWith('PUSHFLEET_TEST_') && !isServiceName(name, environment[name]))
    .map((name) => `${name} is no setting of Pushfleet; did you mean ${nearest(name, known)}?`);
}

/** Kubernetes puts the addresses of a Service named "pushfleet-…" into every container's environment. */
function isServiceName(name: string, value: string | undefined): boolean {
  return (
    /_SERVICE_(HOST|PORT(_\w+)?)$|_PORT(_\d+_(TCP|UDP)(_(PROTO|PORT|ADDR))?)?$/.test(name) ||
    isServiceAddress(value)
  );
}

function isServiceAddress(value: string | undefined): boolean {
  return value !== undefined && /^(tcp|udp):\/\//.test(value);
}

function nearest(name: string, known: readonly string[]): string {
  return known.reduce((best, other) => (editDistance(name, other) < editDistance(name, best) ? other : best));
}

/** Levenshtein distance. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      next[j] = Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1));
    }
    row = next;
  }
  return row[b.length]!;
}
