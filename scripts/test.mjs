/**
 * `npm test`: installs, builds, starts private servers, runs all tests, stops the servers. Arguments go on to
 * Jest (`npm test -- --testPathPatterns=retry`); `--unit` runs the unit tests, which need no servers. The last
 * line is `N passed, N failed`.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { countTests, summaryLine } from './jest-report.mjs';
import { runJest } from './run-jest.mjs';
import { ensureInstalledAndBuilt, root } from './setup.mjs';

const args = process.argv.slice(2).filter((argument) => argument !== '--unit');
const unitOnly = args.length < process.argv.length - 2;
const say = (line) => process.stdout.write(`${line}\n`);

const directory = mkdtempSync(join(tmpdir(), 'pushfleet-test-'));
const stopped = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, () => stopped.abort(new Error(`Stopped by ${signal}.`)));
}

const servers = [];
let counts = { passed: 0, failed: 1, skipped: 0 };
try {
  ensureInstalledAndBuilt();
  const environment = unitOnly ? {} : await startServers();
  const report = join(directory, 'jest.json');
  const { clean } = await runJest({
    args: jestArguments(report),
    environment,
    report,
    signal: stopped.signal,
    say,
  });
  counts = countTests(report, clean);
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : error}\n`);
} finally {
  await Promise.allSettled(servers.map((server) => server.stop()));
  rmSync(directory, { recursive: true, force: true });
}
process.exitCode = counts.failed > 0 || counts.passed === 0 ? 1 : 0;
say(summaryLine(counts));

function jestArguments(report) {
  return [
    ...['--config', join(root, 'jest.config.mjs')],
    ...['--maxWorkers', '2', '--json', `--outputFile=${report}`],
    ...args,
    // Last, since Jest takes every word after this option for a project.
    ...(unitOnly ? ['--selectProjects', 'unit'] : []),
  ];
}

/** Starts what is not given by the environment. Returns the variables by which the tests find it. */
async function startServers() {
  const { ensureServers } = await import('../packages/local-servers/dist/install-servers.js');
  const { startRedis } = await import('../packages/local-servers/dist/start-redis.js');
  const { startMysql } = await import('../packages/local-servers/dist/start-mysql.js');

  const given = { mysql: process.env.PUSHFLEET_TEST_MYSQL_URL, redis: process.env.PUSHFLEET_TEST_REDIS_URL };
  const programs = await ensureServers({ mysql: !given.mysql, redis: !given.redis }, say);
  const chromium = await browser();
  stopped.signal.throwIfAborted();

  const mysql = () => startMysql({ dir: join(directory, 'mysql'), program: programs.mysql, fast: true });
  const redis = () => startRedis({ dir: join(directory, 'redis'), program: programs.redis });
  const [mysqlUrl, redisUrl] = await allOrNone([
    given.mysql ?? mysql().then(remember),
    given.redis ?? redis().then(remember),
  ]);
  return {
    PUSHFLEET_TEST_MYSQL_URL: mysqlUrl,
    PUSHFLEET_TEST_REDIS_URL: redisUrl,
    ...(chromium ? { PUSHFLEET_TEST_CHROMIUM: chromium } : {}),
  };
}

function remember(server) {
  servers.push(server);
  return server.url;
}

/** Waits for all even when one fails: a server that is still starting could not be stopped. */
async function allOrNone(promises) {
  await Promise.allSettled(promises);
  return Promise.all(promises);
}

/** Without a browser the tests that need one fail and say so; the others are still worth running. */
async function browser() {
  const { ensureChromium } = await import('../packages/local-servers/dist/ensure-chromium.js');
  return ensureChromium(process.env.PUSHFLEET_TEST_CHROMIUM, say).catch((error) => say(error.message));
}
