/**
 * `npm run soak -- [--seconds 1800] [--seed N]`: a fleet that works at 500 pushes a second, with refusals, retries,
 * renewed connections, quiet times and old rows that go. Memory, Redis, sockets, handles and rows must be at the
 * end what they were once it had warmed up, and nobody may be lost. Exit code 0, 1 or 2.
 */
import { parseArgs } from 'node:util';
import { ensureInstalledAndBuilt } from './setup.mjs';
import { wholeOption } from './whole-option.mjs';

const say = (line) => process.stdout.write(`${line}\n`);

function readOptions() {
  const { values } = parseArgs({
    options: {
      seconds: { type: 'string', default: '1800' },
      seed: { type: 'string', default: String(Math.floor(Math.random() * 1_000_000)) },
      keep: { type: 'boolean', default: false },
      built: { type: 'boolean', default: false },
    },
  });
  const { keep, built } = values;
  // The simulator keeps each push, two million of them at most.
  return {
    seconds: wholeOption(values, 'seconds', 60, 3_600),
    seed: wholeOption(values, 'seed', 0, 2 ** 31 - 1),
    keep,
    built,
  };
}

let options;
try {
  options = readOptions();
} catch (error) {
  process.stderr.write(`${error.message}\n`);
  process.exit(2);
}
try {
  if (!options.built) ensureInstalledAndBuilt();
  const { runSoak } = await import('../tests/soak/run-soak.mjs');
  process.exitCode = (await runSoak(options, say)) ? 0 : 1;
} catch (error) {
  process.stderr.write(`${error.stack}\n`);
  process.exitCode = 1;
}
process.exit();
