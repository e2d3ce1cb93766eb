/**
 * `npm test`: installs, builds, starts private servers, runs all tests, stops the servers. Arguments go on to
 * Jest (`npm test -- --testPathPatterns=retry`); `--unit` runs the unit tests, which need no servers. The last
 * line is `N passed, N failed`.
 */
import { join } from 'node:path';
import { countTests, summaryLine } from './jest-report.mjs';
import { runJest } from './run-jest.mjs';
import { ensureInstalledAndBuilt, root } from './setup.mjs';
import { TestServers } from './test-servers.mjs';

const args = process.argv.slice(2).filter((argument) => argument !== '--unit');
const unitOnly = args.length < process.argv.length - 2;
const say = (line) => process.stdout.write(`${line}\n`);

const servers = new TestServers(say);
let counts = { passed: 0, failed: 1, skipped: 0 };
try {
  ensureInstalledAndBuilt();
  const environment = unitOnly ? {} : await servers.start();
  const report = join(servers.directory, 'jest.json');
  const { clean } = await runJest({
    args: jestArguments(report),
    environment,
    report,
    signal: servers.stopped,
    say,
  });
  counts = countTests(report, clean);
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : error}\n`);
} finally {
  await servers.stop();
}
process.exitCode = counts.failed > 0 || counts.passed === 0 ? 1 : 0;
say(summaryLine(counts));

function jestArguments(report) {
  return [
    ...['--config', join(root, 'jest.config.mjs')],
    // More than the cores: most of these tests wait for something.
    ...['--maxWorkers', '3', '--json', `--outputFile=${report}`],
    ...args,
    // Last, since Jest takes every word after this option for a project.
    '--selectProjects',
    ...(unitOnly ? ['unit'] : ['unit', 'integration', 'faults', 'contract', 'browser']),
  ];
}
