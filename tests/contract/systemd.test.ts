import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from '@jest/globals';
import {
  boardSettings,
  overviewSettings,
  producerSettings,
  toolSettings,
  workerSettings,
} from '@pushfleet/shared/platform/process-settings';
import { SECRETS, settings } from '@pushfleet/shared/platform/settings';
import { buildProgram } from '../../apps/cli/dist/program.js';

/** `deploy/systemd`: units that name what exists, and give a process the time that it takes to drain. */
const UNITS = fileURLToPath(new URL('../../deploy/systemd/', import.meta.url));
const SETTINGS_OF: Readonly<Record<string, readonly string[]>> = {
  producer: producerSettings,
  worker: workerSettings,
  board: [...boardSettings, ...overviewSettings],
  migrate: toolSettings,
};
const services = readdirSync(UNITS).filter((name) => name.endsWith('.service'));
const daemons = services.filter((name) => !name.includes('migrate'));

test('there is a unit for each process', () => {
  expect(services.map(commandOf).sort()).toEqual(['board', 'migrate', 'producer', 'worker']);
});

test.each(services)('%s runs a command of pushfleet', async (name) => {
  const commands: readonly { name(): string }[] = (await buildProgram()).commands;
  expect(commands.map((command) => command.name())).toContain(commandOf(name));
  expect(valuesOf(name, 'ExecStart')).toHaveLength(1);
});

test.each(services)(
  '%s sets nothing but settings of its process, and secrets from its credentials',
  (name) => {
    const credentials = valuesOf(name, 'LoadCredential').map((value) => value.split(':')[0]);
    const secrets: string[] = [];
    for (const [setting, value] of valuesOf(name, 'Environment').map((line) => line.split('='))) {
      if (setting === 'NODE_ENV') continue;
      const secret = setting!.replace(/_FILE$/, '');
      if ((SECRETS as readonly string[]).includes(secret)) secrets.push(value!.replace('%d/', ''));
      expect(SETTINGS_OF[commandOf(name)]).toContain(secret);
    }
    expect(secrets).toEqual(credentials);
  },
);

test.each(daemons)('%s has time to drain, and a wrong setting does not start it again', (name) => {
  const [seconds] = valuesOf(name, 'TimeoutStopSec').map((value) => Number.parseInt(value, 10));
  expect(seconds! * 1_000).toBeGreaterThan(settings.PUSHFLEET_DRAIN_TIMEOUT_MS.parse(undefined));
  expect(valuesOf(name, 'RestartPreventExitStatus').join(' ').split(' ')).toContain('2');
  expect(valuesOf(name, 'Restart')).toEqual(['on-failure']);
});

test('all units are hardened alike, each with a user of its own, and V8 may compile', () => {
  const hardening = (name: string) => unit(name).split('# --- What it may not do')[1]!.split('[Install]')[0]!;
  expect(new Set(services.map((name) => hardening(name).trim())).size).toBe(1);
  expect(new Set(services.flatMap((name) => valuesOf(name, 'User'))).size).toBe(services.length);
  for (const name of services) expect(valuesOf(name, 'MemoryDenyWriteExecute')).toEqual(['no']);
});

test('the board has an account of MySQL that is not the producer’s', () => {
  const user = (name: string) =>
    /^PUSHFLEET_MYSQL_URL=mysql:\/\/(\w+)@/m.exec(readFileSync(join(UNITS, `etc/${name}.env`), 'utf8'))?.[1];
  expect([user('board'), user('producer')]).toEqual(['pushfleet_board', 'pushfleet_producer']);
});

test('each file of settings has an example, whose settings exist', () => {
  const named = services
    .flatMap((name) => valuesOf(name, 'EnvironmentFile'))
    .filter((path) => path[0] !== '-');
  const known = [...Object.keys(settings), ...SECRETS.map((secret) => `${secret}_FILE`)];
  for (const path of new Set(named)) {
    const example = readFileSync(path.replace('/etc/pushfleet/', `${UNITS}etc/`), 'utf8');
    const names = [...example.matchAll(/^#?(PUSHFLEET_\w+)=/gm)].map(([, setting]) => setting);
    expect(names.length).toBeGreaterThan(0);
    expect(names.filter((setting) => !known.includes(setting!))).toEqual([]);
  }
});

const systemd = spawnSync('systemd-analyze', ['--version']).status === 0 && existsSync('/usr/bin/node');
(systemd ? test : test.skip)('systemd-analyze verify has nothing to say', () => {
  const directory = mkdtempSync(join(tmpdir(), 'pushfleet-units-'));
  try {
    const files = readdirSync(UNITS).filter((name) => /\.(service|target)$/.test(name));
    // An instance, since a template alone cannot be looked at.
    const paths = files.map((name) => join(directory, name.replace('@.', '@1.')));
    files.forEach((name, i) => {
      copyFileSync(join(UNITS, name), paths[i]!);
    });
    const { status, stderr } = spawnSync('systemd-analyze', ['verify', '--man=no', ...paths], {
      encoding: 'utf8',
    });
    expect([status, stderr]).toEqual([0, '']);
  } finally {
    rmSync(directory, { recursive: true });
  }
});

function unit(name: string): string {
  return readFileSync(join(UNITS, name), 'utf8');
}

function valuesOf(name: string, key: string): string[] {
  return [...unit(name).matchAll(new RegExp(`^${key}=(.*)$`, 'gm'))].map(([, value]) => value!);
}

function commandOf(name: string): string {
  return valuesOf(name, 'ExecStart')[0]!.split('pushfleet.js ')[1]!;
}
