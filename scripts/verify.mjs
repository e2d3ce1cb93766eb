/**
 * `npm run verify -- [rate|urgent|faults|…]`: the demands that are about time, on private servers, one after
 * another, with their figures printed. They say something on a quiet machine only, so `npm test` leaves them
 * out, and gives the faults, which it runs too, several times as long as is promised; `faults` does not.
 */
import { join } from 'node:path';
import { countTests, summaryLine } from './jest-report.mjs';
import { runJest } from './run-jest.mjs';
import { ensureInstalledAndBuilt, root } from './setup.mjs';
import { TestServers } from './test-servers.mjs';

const names = process.argv.slice(2);
const say = (line) => process.stdout.write(`${line}\n`);
const servers = new TestServers(say);
let counts = { passed: 0, failed: 1, skipped: 0 };
try {
  ensureInstalledAndBuilt();
  const environment = { ...(await servers.start({ withBrowser: false })), PUSHFLEET_TEST_TIME_SLACK: '1' };
  const report = join(servers.directory, 'jest.json');
  const args = [
    ...['--config', join(root, 'jest.config.mjs'), '--runInBand', '--json', `--outputFile=${report}`],
    ...names.map((name) => `--testPathPatterns=tests/${name === 'faults' ? name : `verify/${name}`}`),
    ...['--selectProjects', 'verify', ...(names.includes('faults') ? ['faults'] : [])],
  ];
  const { clean } = await runJest({ args, environment, report, signal: servers.stopped, say });
  counts = countTests(report, clean);
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : error}\n`);
} finally {
  await servers.stop();
}
process.exitCode = counts.failed > 0 || counts.passed === 0 ? 1 : 0;
say(summaryLine(counts));
