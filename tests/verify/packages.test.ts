import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { insertTokens } from '../harness/backend-rows.ts';
import { blocksOf } from '../harness/document-blocks.ts';
import { EmptyProject, type Resolution } from '../harness/empty-project.ts';
import { runCommand } from '../harness/fleet-process.ts';
import { createTestDatabase, type TestDatabase } from '../harness/test-database.ts';

/**
 * What others install: `npm pack` of each published package, `npm install` of that file into empty projects of
 * both kinds, and there the example of its README, compiled with its types and run.
 */
const MOST_PACKAGES = 5;
const MOST_BYTES = 1_000_000;
const DEVICE_TOKEN = '740f4707bebcf74f9b7c25d48e3358945f6aa01da5ddb387462c7eaf61bb78ad';
const RESOLUTIONS: readonly Resolution[] = ['nodenext', 'bundler'];
const checkout = fileURLToPath(new URL('../..', import.meta.url));
const directory = mkdtempSync(join(tmpdir(), 'pushfleet-packages-'));
const bin = (name: string) => join(checkout, 'node_modules/.bin', name);

let tarballs: { producer: string; simulator: string };
let database: TestDatabase;
let projects: EmptyProject[] = [];

beforeAll(async () => {
  const packages = ['./packages/producer', './packages/apns-simulator'];
  execFileSync('npm', ['pack', '--silent', '--pack-destination', directory, ...packages], { cwd: checkout });
  const [simulator, producer] = readdirSync(directory)
    .sort()
    .map((file) => join(directory, file));
  tarballs = { producer: producer!, simulator: simulator! };
  database = await createTestDatabase();
  await insertTokens(database, [{ id: 16, deviceToken: DEVICE_TOKEN }]);
  await database.query('CREATE TABLE orders (id INT PRIMARY KEY, shipped TINYINT NOT NULL DEFAULT 0)');
  const { exitCode, stderr } = await runCommand(['migrate'], { PUSHFLEET_MYSQL_URL: database.url });
  if (exitCode !== 0) throw new Error(stderr);
}, 120_000);
afterEach(() => {
  for (const project of projects) project.remove();
  projects = [];
});
afterAll(async () => {
  await database?.drop();
  rmSync(directory, { recursive: true, force: true });
});

function emptyProject(type: 'module' | 'commonjs'): EmptyProject {
  const project = new EmptyProject(type);
  projects.push(project);
  return project;
}

/** The first block of a package's README; in CommonJS nothing can be awaited outside a function. */
function example(of: 'producer' | 'apns-simulator', type: 'module' | 'commonjs'): string {
  const code = blocksOf(`../packages/${of}/README.md`)[0]!.code;
  if (type === 'module') return code;
  const imports = code.match(/^import .*;$/gm)!;
  const rest = imports.reduce((text, line) => text.replace(line, ''), code);
  return `${imports.join('\n')}\nasync function main() {${rest}\n}\nvoid main();\n`;
}

/** The same without `import`: each becomes an awaited one, as in older CommonJS. */
function withDynamicImports(code: string): string {
  return code.replace(/^import (\{.*\}) from ('.*');$/gm, '').replace('async function main() {', (start) => {
    const [, names, from] = /^import (\{.*\}) from ('.*');$/m.exec(code)!;
    return `${start}\nconst ${names} = await import(${from});`;
  });
}

function expectSmall(project: EmptyProject, what: string): void {
  const { packages, bytes } = project.installed();
  process.stdout.write(`${what}: ${packages.length} packages, ${bytes.toLocaleString('en')} bytes\n`);
  expect(packages.length).toBeLessThanOrEqual(MOST_PACKAGES);
  expect(bytes).toBeLessThanOrEqual(MOST_BYTES);
}

test.each(['module', 'commonjs'] as const)(
  "the simulator installs into a project of type %s and runs its README's example",
  async (type) => {
    const project = emptyProject(type);
    await project.install(tarballs.simulator);
    expectSmall(project, `simulator, ${type}`);
    const code = example('apns-simulator', type);
    const shown = [...code.matchAll(/\/\/ (200 .*|1 \[.*)$/gm)].map(([, output]) => output);
    const variants = type === 'module' ? [code] : [code, withDynamicImports(code)];
    for (const variant of variants) {
      project.write('example.ts', variant);
      for (const resolution of RESOLUTIONS.toReversed()) await project.compile('example.ts', resolution);
      expect((await project.run(process.execPath, ['out/example.js'])).trim().split('\n')).toEqual(shown);
    }
    expect(project.installed().packages).toEqual(['@pushfleet/apns-simulator']);
  },
  240_000,
);

/** What these libraries ask for, and the bundler found no use of. */
const UNUSED = ['@noble/hashes', 'bytestreamjs', 'pkijs'];

/** The libraries and all that they ask for, by the lock file. */
function neededBy(...libraries: string[]): string[] {
  const { packages } = JSON.parse(readFileSync(join(checkout, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { dependencies?: Record<string, string> }>;
  };
  const needed = new Set(libraries);
  for (const name of needed)
    for (const other of Object.keys(packages[`node_modules/${name}`]?.dependencies ?? {})) needed.add(other);
  return [...needed].sort();
}

test('the simulator gives on the licence of each library inside, and names no other', async () => {
  const project = emptyProject('module');
  await project.install(tarballs.simulator);
  const installed = join(project.directory, 'node_modules/@pushfleet/apns-simulator');
  const notices = readFileSync(join(installed, 'THIRD-PARTY.md'), 'utf8');
  const names = [...notices.matchAll(/^## (\S+) [\d.]+ \(/gm)].map(([, name]) => name);
  expect([...new Set(names)].sort()).toEqual(
    neededBy('selfsigned', 'zod').filter((name) => !UNUSED.includes(name)),
  );
  expect(notices.match(/^(Copyright|.*\(c\) )/gim)!.length).toBeGreaterThanOrEqual(names.length);
}, 120_000);

test.each(['module', 'commonjs'] as const)(
  "the library with its peers, in a project of type %s, runs its README's example",
  async (type) => {
    const project = emptyProject(type);
    await project.install(tarballs.producer, 'mysql2@3.24.6', 'ioredis@6.0.0');
    const code = example('producer', type)
      .replaceAll('mysql://app:secret@db/shop', database.url)
      .replaceAll('redis://redis:6379', process.env.PUSHFLEET_TEST_REDIS_URL!)
      .replace('order-7-shipped', `order-7-${type}`)
      .replace(
        /await producer\.status\(id\);.*/,
        'process.stdout.write((await producer.status(id))!.state);\nawait producer.close();\nawait pool.end();',
      );
    project.write('example.ts', code);
    // Of mysql2 and ioredis the types are not looked at: they are their owners'.
    for (const resolution of RESOLUTIONS.toReversed()) await project.compile('example.ts', resolution, true);
    expect(await project.run(process.execPath, ['out/example.js'])).toBe('scheduled');
    const rows = await database.query('SELECT notification_id FROM pushfleet_request WHERE request_key = ?', [
      `order-7-${type}`,
    ]);
    expect(rows).toHaveLength(1);
  },
  240_000,
);

test.each(['module', 'commonjs'] as const)(
  'the library alone, in a project of type %s: small, whole types, and it says which driver a URL needs',
  async (type) => {
    const project = emptyProject(type);
    await project.install(tarballs.producer);
    expectSmall(project, `library, ${type}`);
    project.write(
      'alone.ts',
      `import { createProducer, MissingDriverError, type NotificationInput } from '@pushfleet/producer';
      const push: NotificationInput = { message: 'Hello', tokenGroups: [3] };
      // @ts-expect-error a number is no message
      const wrong: NotificationInput = { message: 1 };
      async function main() {
        const producer = createProducer({ mysql: 'mysql://app@127.0.0.1:1/shop' });
        const error: unknown = await producer.enqueue(push).catch((error: unknown) => error);
        if (!(error instanceof MissingDriverError)) throw error;
        process.stdout.write(error.message);
        // With a connection of one's own it needs no driver.
        const seen: string[] = [];
        const execute = async (sql: string) => { seen.push(sql); return []; };
        await producer.enqueue(push, { connection: { execute } }).catch(() => wrong);
        if (seen.length === 0) throw new Error('it did not ask the connection');
      }
      void main();`,
    );
    for (const resolution of RESOLUTIONS.toReversed()) await project.compile('alone.ts', resolution);
    expect(await project.run(process.execPath, ['out/alone.js'])).toMatch(/mysql2/);
    expect(project.installed().packages).toEqual(['@pushfleet/producer']);
  },
  240_000,
);

test.each(['producer', 'simulator'] as const)(
  'publint and attw find nothing in the %s',
  (name) => {
    const check = (program: string, args: string[]) =>
      execFileSync(bin(program), [...args, tarballs[name]], { encoding: 'utf8', stdio: 'pipe' });
    expect(check('publint', ['run', '--strict'])).toMatch(/All good|No issues/i);
    // It would have ended with another code.
    expect(check('attw', ['--profile', 'esm-only', '--no-color', '--no-emoji'])).toMatch(/OK \(ESM\)/);
  },
  120_000,
);
