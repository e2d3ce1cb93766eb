import { execFileSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type BuiltImage, buildImage, DECOY } from '../harness/built-image.ts';
import { environmentOf, readCompose, type Variables } from '../harness/compose-file.ts';
import { report } from '../harness/report.ts';
import { type Container, openSandbox, type Sandbox } from '../harness/sandbox.ts';
import { type SandboxServers, startServersIn } from '../harness/sandbox-servers.ts';
import { whyNoBase } from '../harness/stand-in-base.ts';
import { untilTrue } from '../harness/wait.ts';

/**
 * Builds the Dockerfile without an engine, and runs each service of docker-compose.yml in what came out of it: its
 * command, its settings, its secrets, its user, process 1, a read-only root, no capabilities, its health check.
 * In place of the images of MariaDB and Redis there are those of this machine; there is no engine, no compose.
 */
const why = whyNoBase();
if (why !== null) process.stdout.write(`SKIPPED, the image: ${why}\n`);
const inImage = why === null ? test : test.skip;

const FLEET_SERVERS = '127.0.0.2';
const DEMO_SERVERS = '127.0.0.3';
const DEVICE_TOKEN = 'ab'.repeat(32);
const SCHEMA = fileURLToPath(new URL('../../deploy/database/schema.sql', import.meta.url));

let image: BuiltImage;
let sandbox: Sandbox;
let directory: string;
const servers: SandboxServers[] = [];

/** As somebody fills in `.env.example`, with the simulator for Apple. */
const ENV: Variables = {
  COMPOSE_PROFILES: 'fleet,database',
  PUSHFLEET_APNS_TOPIC: 'com.example.app',
  PUSHFLEET_APNS_ENVIRONMENT: 'sandbox',
  PUSHFLEET_APNS_KEY_ID: 'ABC1234567',
  PUSHFLEET_APNS_TEAM_ID: 'DEF1234567',
  PUSHFLEET_APNS_URL: 'https://simulator:8443',
  PUSHFLEET_APNS_CA_FILE: '/config/ca.pem',
};
const MYSQL_PASSWORD = 'not-a-secret-outside';
const BOARD_MYSQL_PASSWORD = 'another-one';

beforeAll(async () => {
  if (why !== null) return;
  image = buildImage((line) => process.stdout.write(`${line}\n`));
  directory = mkdtempSync(join(tmpdir(), 'pushfleet-image-test-'));
  chmodSync(directory, 0o755);
  mkdirSync(join(directory, 'config'), { mode: 0o777 });
  chmodSync(join(directory, 'config'), 0o777); // the simulator writes its certificate there
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const secrets = {
    apns_key: privateKey.export({ type: 'pkcs8', format: 'pem' }),
    mysql_password: MYSQL_PASSWORD,
    board_password: 'board',
    board_mysql_password: BOARD_MYSQL_PASSWORD,
  };
  for (const [name, value] of Object.entries(secrets))
    writeFileSync(join(directory, name), value, { mode: 0o444 });
  sandbox = await openSandbox({
    redis: FLEET_SERVERS,
    database: FLEET_SERVERS,
    simulator: '127.0.0.1',
    'demo-redis': DEMO_SERVERS,
    'demo-database': DEMO_SERVERS,
    'pushfleet-demo': '127.0.0.1',
  });
}, 900_000);

afterAll(async () => {
  await sandbox?.close();
  for (const one of servers) await one.stop();
  image?.remove();
  if (directory !== undefined) rmSync(directory, { recursive: true, force: true });
}, 120_000);

interface Changes {
  readonly command?: readonly string[];
  readonly environment?: Variables;
  readonly user?: string;
  readonly entrypoint?: readonly string[];
}

/** A container of a service, as compose would make it with this `.env`. */
function start(name: string, variables: Variables, changes: Changes = {}): Container {
  const service = readCompose(variables).services[name]!;
  const { Env, Entrypoint, User, WorkingDir } = image.config;
  const user = changes.user ?? User;
  const mounts = Object.fromEntries(
    (service.secrets ?? []).map((one) => [`/run/secrets/${one}`, join(directory, one)]),
  );
  if (service.volumes?.some((volume) => volume.startsWith('./config:')) === true)
    mounts['/config'] = join(directory, 'config');
  return sandbox.run({
    root: image.path,
    command: [...(changes.entrypoint ?? Entrypoint), ...(changes.command ?? service.command ?? [])],
    environment: {
      HOME: user === '1000:1000' ? '/home/node' : '/',
      HOSTNAME: name,
      ...Object.fromEntries(
        Env.map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
      ),
      ...environmentOf(service, variables),
      ...changes.environment,
    },
    user,
    workingDirectory: service.working_dir ?? WorkingDir,
    mounts,
  });
}

async function ended(container: Container): Promise<{ exitCode: number | null; output: string }> {
  const exitCode = await container.exited;
  return { exitCode, output: container.output() };
}

/** Until the health check of the service, or the image's, succeeds. */
async function healthy(name: string, variables: Variables, environment: Variables = {}): Promise<void> {
  const own = readCompose(variables).services[name]!.healthcheck?.test;
  const [kind, ...command] = own ?? image.config.Healthcheck.Test;
  expect(kind).toBe('CMD');
  await untilTrue(
    () => ended(start(name, variables, { entrypoint: [], command, environment })),
    ({ exitCode }) => exitCode === 0,
    60_000,
  );
}

/** Everything below a directory of the image. */
function* filesBelow(path: string): Generator<string> {
  for (const entry of readdirSync(path, { withFileTypes: true })) {
    const below = join(path, entry.name);
    yield below;
    if (entry.isDirectory()) yield* filesBelow(below);
  }
}

inImage(
  'the image holds compiled code and what it needs, nothing else, and nothing that its user may change',
  () => {
    const app = join(image.path, 'app');
    const files = [...filesBelow(app)];
    expect(image.config.User).toBe('1000:1000');
    expect(files.filter((file) => lstatSync(file).uid !== 0)).toEqual([]);
    expect(
      files.filter((file) => !lstatSync(file).isSymbolicLink() && (lstatSync(file).mode & 0o6022) !== 0),
    ).toEqual([]);

    const ours = files.filter((file) => !file.includes('/node_modules/'));
    expect(ours.filter((file) => /\.(ts|map|tsbuildinfo)$|\.test\.js$|\/src$/.test(file))).toEqual([]);
    const secretNames = files.filter((file) => /(^|\/)(\.env[^/]*|[^/]*\.p8|\.npmrc)$/.test(file));
    const told = ours.filter((file) => lstatSync(file).isFile() && readFileSync(file).includes(DECOY));
    expect([secretNames, told]).toEqual([[], []]);
    const npmrc = join(image.path, 'usr/local/etc/npmrc');
    expect(existsSync(npmrc) ? readFileSync(npmrc, 'utf8') : '').toBe('');

    const installed = join(app, 'node_modules/.package-lock.json');
    const packages: Record<string, { dev?: boolean; link?: boolean }> = JSON.parse(
      readFileSync(installed, 'utf8'),
    ).packages;
    const fetched = Object.entries(packages).filter(([, { link }]) => link !== true);
    expect(fetched.filter(([, { dev }]) => dev === true).map(([name]) => name)).toEqual([]);
    for (const name of ['typescript', 'jest', '@biomejs/biome'])
      expect([name, existsSync(join(app, 'node_modules', name, 'package.json'))]).toEqual([name, false]);
    const megabytes = (path: string) =>
      `${Number(execFileSync('du', ['-sm', path], { encoding: 'utf8' }).split('\t')[0])} MB`;
    report('The image', {
      'of ours, without the base': megabytes(app),
      'packages of others': fetched.filter(
        ([name]) => name.startsWith('node_modules/') && existsSync(join(app, name)),
      ).length,
      'files in /app': files.length,
    });
  },
);

inImage('the base has Node 24, and the command is on the path', async () => {
  const version = start('worker', ENV, { entrypoint: ['node', '--version'], command: [] });
  expect(await ended(version)).toEqual({ exitCode: 0, output: expect.stringMatching(/^v24\./) });
  const help = await ended(start('worker', ENV, { entrypoint: ['pushfleet', '--help'], command: [] }));
  expect(help).toEqual({ exitCode: 0, output: expect.stringContaining('Usage: pushfleet') });
});

inImage('an empty .env: the check of the settings says in one line what is missing', async () => {
  // Nobody runs the demonstration: its name is not known.
  const command = readCompose().services.settings!.command!.map((word) =>
    word === 'pushfleet-demo' ? 'nobody' : word,
  );
  const { exitCode, output } = await ended(start('settings', {}, { command }));
  expect([exitCode, output.trimEnd().split('\n')]).toEqual([
    2,
    [expect.stringContaining('copy .env.example to .env')],
  ]);
  const half = await ended(start('settings', { PUSHFLEET_APNS_TOPIC: 'com.example.app' }));
  expect([half.exitCode, half.output.trimEnd().split('\n')]).toEqual([
    2,
    [expect.stringContaining('PUSHFLEET_APNS_KEY_ID is missing')],
  ]);
  // While it runs there is nothing to say.
  expect(await ended(start('settings', {}))).toEqual({ exitCode: 0, output: '' });
});

inImage(
  'settings, migrate, producer, worker and board, each as compose runs it: a row becomes an accepted push',
  async () => {
    const { services } = readCompose(ENV);
    servers.push(await startServersIn(sandbox, FLEET_SERVERS, services.redis!.command!.slice(1)));
    const [{ query }] = servers as [SandboxServers];
    // As MariaDB's image does on its first start.
    await query(
      `CREATE DATABASE app; CREATE USER pushfleet@'%' IDENTIFIED BY '${MYSQL_PASSWORD}'; GRANT ALL ON app.* TO pushfleet@'%'`,
    );
    await query(readFileSync(SCHEMA, 'utf8'), 'app');

    const simulator = start('worker', ENV, {
      command: [
        'simulator',
        '--port',
        '8443',
        '--admin-port',
        '8444',
        '--host-name',
        'simulator',
        '--ca-file',
        '/config/ca.pem',
      ],
    });
    await simulator.printed('simulator.ready');

    expect(await ended(start('settings', ENV))).toEqual({
      exitCode: 0,
      output: 'the settings of all processes can be used\n',
    });
    const migrated = await ended(start('migrate', ENV));
    expect(migrated).toEqual({ exitCode: 0, output: expect.stringContaining('applied') });

    // In containers each has a port 9464 of its own.
    const otherPort = { PUSHFLEET_HTTP_PORT: '9465' };
    const producer = start('producer', ENV);
    const worker = start('worker', ENV, { environment: otherPort });
    const board = start('board', ENV);
    await healthy('producer', ENV);
    await healthy('worker', ENV, otherPort);
    await healthy('board', ENV);

    await query(
      `INSERT INTO token (id, token, active) VALUES (1, '${DEVICE_TOKEN}', 1);
       START TRANSACTION;
       INSERT INTO notification (id, message, sent, notificationdate) VALUES (1, 'Hello', 0, UTC_TIMESTAMP());
       INSERT INTO notification_token VALUES (1, 1);
       COMMIT`,
      'app',
    );
    const tool = { entrypoint: ['pushfleet', 'status', '1', '--json'], command: [] };
    const { output } = await untilTrue(
      () => ended(start('producer', ENV, tool)),
      (status) => status.output.includes('"state": "done"'),
      60_000,
    );
    expect(JSON.parse(output)).toMatchObject({ recipients: 1, accepted: 1 });
    expect(await query('SELECT sent FROM notification', 'app')).toEqual([{ sent: 1 }]);

    // OpenShift and others choose a user that nobody knows, without a home.
    const stranger = await ended(
      start('producer', ENV, { ...tool, user: '123456:0', environment: { HOME: '' } }),
    );
    expect([stranger.exitCode, JSON.parse(stranger.output).accepted]).toEqual([0, 1]);

    const sh = ['sh', '-c'];
    const write = await ended(
      start('worker', ENV, {
        entrypoint: sh,
        command: ['touch /app/x; touch /tmp/x && id -u && grep CapEff /proc/self/status'],
      }),
    );
    expect(write.output).toMatch(/Read-only file system\n1000\nCapEff:\s+0+\n/);

    const graceMs = Number.parseInt(String(services.worker!.stop_grace_period), 10) * 1_000;
    for (const [name, container] of Object.entries({ worker, producer, board })) {
      const asked = performance.now();
      container.signal('SIGTERM');
      expect([name, await container.exited]).toEqual([name, 0]);
      expect(performance.now() - asked).toBeLessThan(graceMs);
    }
    simulator.signal('SIGTERM');
    await simulator.exited;
  },
  240_000,
);

inImage(
  'the demonstration, without a setting and without a secret: pushes are accepted, and the last line says where to look',
  async () => {
    const { services } = readCompose();
    servers.push(await startServersIn(sandbox, DEMO_SERVERS, services['demo-redis']!.command!.slice(1)));
    const demo = start('demo', {});
    await demo.printed('Look at http://127.0.0.1:3100/', 180_000);
    expect(demo.output()).toMatch(/│\s+1 │ to everyone +│ done/);
    expect(demo.output()).toMatch(/First push accepted \d+\.\d s after the start/);
    expect(demo.output().trimEnd().split('\n').at(-1)).toContain(
      'docker compose exec demo pushfleet explain 2',
    );
    await healthy('demo', {});
    demo.signal('SIGTERM');
    expect(await demo.exited).toBe(0);
  },
  300_000,
);
