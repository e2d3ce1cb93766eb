import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { type CommandLine, openCommandLine } from '../harness/command-line.ts';
import { createTestDatabase } from '../harness/test-database.ts';

let cli: CommandLine;

beforeAll(async () => {
  cli = await openCommandLine();
}, 180_000);
afterAll(() => cli?.close());
beforeEach(() => cli.clear());

test.each([
  ['status', '404'],
  ['status', 'no-number'],
  ['explain', '404'],
  ['cancel', '404'],
])(
  '%s %s: an unknown id ends with 1 and prints nothing on stdout',
  async (command, id) => {
    const { exitCode, stdout, stderr } = await cli.run([command, id]);
    expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: '' });
    expect(stderr).toContain(`there is no notification ${id}`);
  },
  20_000,
);

test.each<[string, string[], RegExp]>([
  ['an unknown command', ['stauts'], /unknown command 'stauts'/],
  ['no command', [], /Usage: pushfleet/],
  ['an unknown option', ['status', '--jsno'], /unknown option/],
  ['a missing argument', ['cancel'], /missing required argument/],
  ['a rate that is none', ['rate', 'shop', 'fast'], /"fast" is no rate/],
  [
    'a malformed device token',
    ['explain', '1', '--device-token', 'abc'],
    /not hexadecimal|odd number|too short/,
  ],
  ['no ids on stdin', ['cancel', '-'], /stdin has no notification ids/],
])(
  '%s is wrong use: 2',
  async (_, args, message) => {
    const { exitCode, stdout, stderr } = await cli.run(args);
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
    expect(stderr).toMatch(message);
    expect(stderr).not.toMatch(/\n {4}at /);
  },
  20_000,
);

test('all configuration faults are told at once, 2', async () => {
  const env = {
    PUSHFLEET_MYSQL_URL: 'mysql://h/db?ssl=true',
    PUSHFLEET_TIMEZONE: 'Mars/Olympus',
    PUSHFLEET_MYSQL_ULR: 'x',
  };
  const { exitCode, stdout, stderr } = await cli.run(['status'], { env });
  expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
  expect(stderr).toContain(
    'PUSHFLEET_MYSQL_ULR is no setting of Pushfleet; did you mean PUSHFLEET_MYSQL_URL?',
  );
  expect(stderr).toContain('PUSHFLEET_MYSQL_URL has the parameter "ssl"');
  expect(stderr).toContain('PUSHFLEET_TIMEZONE is no time zone');
}, 180_000);

test('faults of the mapping file are told at once, 2; names that the database does not have too', async () => {
  const file = join(cli.directory, 'mapping.json');
  writeFileSync(file, JSON.stringify({ token: { tabel: 'x' }, notification: { message: 'a`b' } }));
  const env = { PUSHFLEET_MYSQL_URL: cli.database.url, PUSHFLEET_SCHEMA_FILE: file };
  const faults = await cli.run(['status'], { env });
  expect(faults.exitCode).toBe(2);
  expect(faults.stderr).toMatch(/token: .*tabel/);
  expect(faults.stderr).toMatch(/notification\.message: is no name/);
  writeFileSync(file, JSON.stringify({ notification: { message: 'body' } }));
  const missing = await cli.run(['migrate'], { env });
  expect(missing.exitCode).toBe(2);
  expect(missing.stderr).toContain('table notification has no column body');
}, 180_000);

test.each([
  ['mysql://root@127.0.0.1:1/x', /cannot be reached \(ECONNREFUSED\): start it, or mend PUSHFLEET_MYSQL_URL/],
  ['/no_such_database', /make the database, or mend PUSHFLEET_MYSQL_URL/],
])(
  'MySQL %s: says what to do, without a stack trace',
  async (url, message) => {
    const env = { PUSHFLEET_MYSQL_URL: url.startsWith('/') ? new URL(url, cli.database.url).href : url };
    const { exitCode, stderr } = await cli.run(['status'], { env });
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(message);
    expect(stderr).not.toMatch(/\n {4}at /);
  },
  20_000,
);

test('without the tables it says: pushfleet migrate; a second migrate changes nothing', async () => {
  const empty = await createTestDatabase();
  try {
    const env = { PUSHFLEET_MYSQL_URL: empty.url };
    const before = await cli.run(['status', '--json'], { env });
    expect(before).toMatchObject({
      exitCode: 1,
      stdout: '',
      stderr: expect.stringContaining('run: pushfleet migrate'),
    });
    await cli.run(['migrate'], { env });
    expect((await cli.run(['migrate'], { env })).stdout).toContain('up to date');
    expect((await cli.run(['status', '--json'], { env })).exitCode).toBe(0);
  } finally {
    await empty.drop();
  }
}, 180_000);

test('.env in the working directory configures, and what `up` wrote only while nothing does', async () => {
  const cwd = mkdtempSync(join(tmpdir(), 'pushfleet-env-'));
  try {
    mkdirSync(join(cwd, '.pushfleet'));
    writeFileSync(join(cwd, '.pushfleet', 'env'), `PUSHFLEET_MYSQL_URL=${cli.database.url}\n`);
    expect((await cli.run(['status', '--json'], { cwd, env: {} })).exitCode).toBe(0);
    // A real Redis is configured: the embedded MySQL must not be mixed with it.
    const mixed = await cli.run(['status'], { cwd, env: { PUSHFLEET_REDIS_URL: 'redis://localhost' } });
    expect(mixed).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining('PUSHFLEET_MYSQL_URL is missing'),
    });
    writeFileSync(join(cwd, '.env'), 'PUSHFLEET_MYSQL_URL=mysql://root@127.0.0.1:1/x\n');
    expect((await cli.run(['status'], { cwd, env: {} })).stderr).toContain('ECONNREFUSED');
    expect((await cli.run(['status'], { cwd })).exitCode).toBe(0);
  } finally {
    rmSync(cwd, { recursive: true });
  }
}, 180_000);
