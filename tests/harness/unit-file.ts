import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import { belowRoot } from './below-root.ts';

/** A systemd unit, its drop-ins read behind it. */
export interface Unit {
  /** All values of a setting in their order; an empty one takes back those before it, as in systemd. */
  values(key: string): string[];
  value(key: string): string | undefined;
}

/**
 * @param root directory that stands for `/`
 * @param name without `.service`, `pushfleet-worker@1` for an instance
 * @throws when there is no such unit
 */
export function readUnit(root: string, name: string): Unit {
  const directory = join(root, 'etc/systemd/system');
  const template = name.replace(/@.*/, '@');
  const dropIns = [...new Set([template, name])].flatMap((of) =>
    dropInsOf(join(directory, `${of}.service.d`)),
  );
  const files = [join(directory, `${template}.service`), ...dropIns];
  const text = belowRoot(root, files.map((path) => readFileSync(path, 'utf8')).join('\n')).replaceAll(
    '%i',
    name.split('@')[1] ?? '',
  );
  const values = (key: string) => {
    const all = [...text.matchAll(new RegExp(`^${key}=(.*)$`, 'gm'))].map(([, value]) => value!);
    return all.slice(all.lastIndexOf('') + 1);
  };
  return { values, value: (key) => values(key).at(-1) };
}

function dropInsOf(directory: string): string[] {
  if (!existsSync(directory)) return [];
  return readdirSync(directory)
    .filter((name) => name.endsWith('.conf'))
    .sort()
    .map((name) => join(directory, name));
}

/**
 * What systemd gives the process: `Environment=`, over it the files in their order.
 *
 * @param credentials directory that `%d` stands for
 */
export function environmentOf(unit: Unit, credentials: string): Record<string, string> {
  const environment: Record<string, string> = {
    PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    LANG: 'C.UTF-8',
    HOME: '/',
    CREDENTIALS_DIRECTORY: credentials,
  };
  for (const line of unit.values('Environment').map((value) => value.replaceAll('%d', credentials)))
    environment[line.slice(0, line.indexOf('='))] = line.slice(line.indexOf('=') + 1);
  for (const path of unit.values('EnvironmentFile')) {
    const file = path.replace(/^-/, '');
    if (path.startsWith('-') && !existsSync(file)) continue;
    Object.assign(environment, parseEnv(readFileSync(file, 'utf8')));
  }
  return environment;
}
