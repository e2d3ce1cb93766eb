import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseEnv } from 'node:util';
import { afterAll, afterEach, expect, test } from '@jest/globals';
import { listProcesses } from '@pushfleet/local-servers/process-table';
import { normalizeDeviceToken } from '@pushfleet/shared/domain/device-token';
import mysql from 'mysql2/promise';
import { sampleRows } from '../../apps/cli/src/up/sample-devices.ts';
import { blocksOf, shownPattern } from '../harness/document-blocks.ts';
import { startUp, type UpProcess } from '../harness/up-process.ts';

const checkout = mkdtempSync(join(tmpdir(), 'pushfleet-up-'));
const started: UpProcess[] = [];

function up(args: readonly string[], environment: Record<string, string> = {}, directory = checkout) {
  const process = startUp(args, environment, directory);
  started.push(process);
  return process;
}

afterEach(async () => {
  await Promise.all(started.splice(0).map((one) => one.end()));
});

afterAll(() => rmSync(checkout, { recursive: true, force: true }));

/** Processes that `up` has started in the checkout: servers name it, ours are written down. */
function pidsOf(directory: string): number[] {
  const run = join(directory, '.pushfleet/run');
  const written = readdirSync(run).map(
    (name) => (JSON.parse(readFileSync(join(run, name), 'utf8')) as { pid: number }).pid,
  );
  const servers = listProcesses().filter(({ commandLine }) =>
    commandLine.includes(`${directory}/.pushfleet/`),
  );
  return [...written, ...servers.map(({ pid }) => pid)];
}

function living(pids: readonly number[]): number[] {
  const all = new Set(listProcesses().map(({ pid }) => pid));
  return pids.filter((pid) => all.has(pid));
}

async function gone(pids: readonly number[]): Promise<void> {
  const until = Date.now() + 15_000;
  while (living(pids).length > 0 && Date.now() < until) await new Promise((done) => setTimeout(done, 50));
  expect(living(pids)).toEqual([]);
}

/** What the sample must come to: unique active device tokens, but for those that the simulator refuses. */
function expectedCounts() {
  const tokens = new Set(
    sampleRows()
      .filter(({ active }) => active)
      .map(({ deviceToken }) => normalizeDeviceToken(deviceToken)!),
  );
  const beginsWith = (beginning: string) => [...tokens].filter((one) => one.startsWith(beginning)).length;
  const recipients = tokens.size;
  const retired = beginsWith('410');
  const rejected = beginsWith('bad0');
  return { recipients, accepted: recipients - retired - rejected, retired, rejected };
}

/** What README shows of `npm start`, whatever its numbers and the widths that follow from them. */
function shownInReadme(): RegExp {
  const block = blocksOf('../README.md').find(({ marker }) => marker === 'run: tests/contract/up.test.ts')!;
  const shown = block.code.split('\n').slice(1).join('\n'); // without the command
  const source = shownPattern(shown).source.replace(/[\d,]*\d/g, '[\\d,]+');
  // Where MySQL is installed its name stands there.
  return new RegExp(
    source
      .replace(/ +/g, ' +')
      // The data of an earlier start.
      .replace('groups', 'groups(?: +\\(kept\\))?')
      .replace(/─+/g, '─+')
      .replace(/MariaDB|mariadb/g, '\\w+'),
  );
}

const number = (count: number) => count.toLocaleString('en');

test('up --once in a fresh checkout: sends the sample, says what became of it, and leaves nothing running', async () => {
  const process = up(['--once']);
  await process.printed('producer, 2 workers and board');
  const pids = pidsOf(checkout);
  expect(living(pids).length).toBeGreaterThanOrEqual(6);

  expect(await process.exited).toBe(0);
  const { recipients, accepted, retired, rejected } = expectedCounts();
  const row = ['1', 'to everyone', 'done', recipients, accepted, rejected, retired, 0, 0]
    .map((cell) => (typeof cell === 'number' ? number(cell) : cell))
    .join('\\s*│\\s*');
  expect(process.output()).toMatch(new RegExp(row));
  expect(process.output()).toMatch(/2\s*│\s*to one device\s*│\s*done\s*│\s*1\s*│\s*1\s/);
  expect(process.output()).toContain('3: the message is empty');
  // One more push than devices: the single alert went to one of them.
  expect(process.output()).toContain(
    `The simulator accepted ${number(accepted + 1)} pushes for ${number(accepted)} devices.`,
  );
  expect(process.output()).toContain(`${retired} × 410`);
  expect(process.output()).toMatch(/First push accepted \d+\.\d s after the start/);
  expect(living(pids)).toEqual([]);
  expect(existsSync(join(checkout, '.pushfleet/env'))).toBe(false);
}, 180_000);

test('up stays, serves later commands, tells what ends, refuses a second one, and Ctrl-C stops everything', async () => {
  const process = up([]);
  await process.printed('Ctrl-C stops everything.', 150_000);
  expect(process.output()).toMatch(shownInReadme());
  const pids = pidsOf(checkout);
  const file = join(checkout, '.pushfleet/env');
  expect(statSync(file).mode & 0o777).toBe(0o600);
  const settings = parseEnv(readFileSync(file, 'utf8')) as Record<string, string>;

  const second = up([]);
  expect(await second.exited).toBe(1);
  expect(second.output()).toContain('runs in this directory already');

  const database = await mysql.createConnection(settings.PUSHFLEET_MYSQL_URL!.replace(/\?.*$/, ''));
  await database.beginTransaction();
  await database.query(
    "INSERT INTO notification (message, sent, notificationdate) VALUES ('Hello', 0, UTC_TIMESTAMP())",
  );
  await database.query('INSERT INTO notification_token_group VALUES (LAST_INSERT_ID(), 4)');
  await database.commit();
  await database.end();
  await process.printed(/notification \d+ done: 250 recipients, 250 accepted/);

  const status = up(['status', '--json']);
  expect(await status.exited).toBe(0);
  expect(JSON.parse(status.output()).notifications.length).toBeGreaterThanOrEqual(4);
  const board = process.output().match(/http:\/\/127\.0\.0\.1:\d+\//)![0];
  expect((await fetch(board)).status).toBe(200);

  // npm passes on what the terminal has already sent: the second of a pair is no second wish.
  process.kill('SIGINT');
  await new Promise((done) => setTimeout(done, 20)); // at once they would be one signal
  process.kill('SIGINT');
  expect(await process.exited).toBe(0);
  expect(process.output()).toContain('stopped everything');
  expect(living(pids)).toEqual([]);
  expect(existsSync(file)).toBe(false);
}, 180_000);

test('SIGINT in the middle of the start leaves nothing running', async () => {
  const process = up([]);
  await process.printed('database "sample"');
  const pids = pidsOf(checkout);
  expect(pids.length).toBeGreaterThan(0);
  process.kill('SIGINT');
  expect(await process.exited).toBe(0);
  expect(process.output()).not.toContain('Three notifications');
  await gone(pids);
  expect(living(pidsOf(checkout))).toEqual([]);
}, 180_000);

test('killed with SIGKILL: its processes end, and the next up starts as if nothing had happened', async () => {
  const first = up([]);
  await first.printed('Three notifications', 60_000);
  const pids = pidsOf(checkout);
  first.kill('SIGKILL');
  await first.exited;
  const next = up(['--once']);
  expect(await next.exited).toBe(0);
  await gone(pids);
}, 180_000);

const MYSQL = { PUSHFLEET_MYSQL_URL: 'mysql://push@127.0.0.1:1/app' };
const REDIS = { PUSHFLEET_REDIS_URL: 'redis://127.0.0.1:1' };
const APNS = { PUSHFLEET_APNS_URL: 'https://localhost:1' };

test.each([
  ['MySQL', 'Redis and APNs', MYSQL],
  ['Redis', 'MySQL and APNs', REDIS],
  ['APNs', 'MySQL and Redis', APNS],
  ['MySQL and Redis', 'APNs', { ...MYSQL, ...REDIS }],
  ['MySQL and APNs', 'Redis', { ...MYSQL, ...APNS }],
  ['Redis and APNs', 'MySQL', { ...REDIS, ...APNS }],
])(
  '%s configured and %s embedded: exit 2, a sentence, nothing started',
  async (configured, embedded, environment) => {
    const directory = mkdtempSync(join(checkout, 'mix-'));
    const process = up([], environment, directory);
    expect(await process.exited).toBe(2);
    expect(process.output()).toMatch(new RegExp(`^pushfleet: ${configured} (is|are) configured`));
    expect(process.output()).toContain(`${embedded} would run embedded`);
    expect(process.output()).toContain('--no-sample');
    expect(readdirSync(directory)).toEqual([]);
  },
);

test('NODE_ENV=production is refused with exit 2 and a sentence', async () => {
  const directory = mkdtempSync(join(checkout, 'production-'));
  for (const args of [[], ['--no-sample']]) {
    const process = up(args, { NODE_ENV: 'production' }, directory);
    expect(await process.exited).toBe(2);
    expect(process.output()).toContain('NODE_ENV=production');
  }
  expect(readdirSync(directory)).toEqual([]);
});

test('--no-sample on a configured database: nothing is inserted, and nothing is migrated', async () => {
  const owner = up([]);
  await owner.printed('Ctrl-C stops everything.', 150_000);
  const { PUSHFLEET_MYSQL_URL: server = '' } = parseEnv(
    readFileSync(join(checkout, '.pushfleet/env'), 'utf8'),
  );
  const database = await mysql.createConnection({
    uri: server.replace(/\?.*$/, ''),
    multipleStatements: true,
  });
  await database.query('DROP DATABASE IF EXISTS staging; CREATE DATABASE staging; USE staging');
  const schema = fileURLToPath(new URL('../../apps/cli/sql/doctrine.sql', import.meta.url));
  await database.query(readFileSync(schema, 'utf8'));
  const staging = { PUSHFLEET_MYSQL_URL: server.replace('/sample', '/staging') };
  const directory = mkdtempSync(join(checkout, 'staging-'));

  const unmigrated = up(['--no-sample', '--once'], staging, directory);
  expect(await unmigrated.exited).toBe(2);
  expect(unmigrated.output()).toContain('pushfleet migrate');

  expect(await up(['migrate'], staging, directory).exited).toBe(0);
  const process = up(['--no-sample', '--once'], staging, directory);
  expect(await process.exited).toBe(0);
  const [rows] = await database.query(
    'SELECT COUNT(*) AS count FROM notification UNION ALL SELECT COUNT(*) FROM token',
  );
  expect(rows).toEqual([{ count: 0 }, { count: 0 }]);
  await database.end();
}, 180_000);
