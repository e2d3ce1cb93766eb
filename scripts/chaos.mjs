/**
 * `npm run chaos -- [--seconds 180] [--seed N] [--recipients 200000]`: many notifications while workers,
 * producers, Redis, MySQL and APNs connections are killed at random and started again. At the end every
 * recipient must be settled, none lost, duplicates within their bound, and `status`, MySQL and the simulator
 * must agree. The seed repeats the notifications, the faults and their moments. Exit code 0, 1 or 2.
 */
import { parseArgs } from 'node:util';
import { ensureInstalledAndBuilt } from './setup.mjs';
import { wholeOption } from './whole-option.mjs';

const say = (line) => process.stdout.write(`${line}\n`);
const started = performance.now();

function readOptions() {
  const { values } = parseArgs({
    options: {
      seconds: { type: 'string', default: '180' },
      seed: { type: 'string', default: String(Math.floor(Math.random() * 1_000_000)) },
      recipients: { type: 'string', default: '200000' },
      keep: { type: 'boolean', default: false },
      built: { type: 'boolean', default: false },
    },
  });
  return {
    seconds: wholeOption(values, 'seconds', 5, 3_600),
    seed: wholeOption(values, 'seed', 0, 2 ** 31 - 1),
    recipients: wholeOption(values, 'recipients', 1_000, 2_000_000),
    keep: values.keep,
    built: values.built,
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
  const { runChaos } = await import('../tests/chaos/run-chaos.mjs');
  process.exitCode = (await runChaos(options, say)) ? 0 : 1;
} catch (error) {
  process.stderr.write(`${error.stack}\n`);
  process.exitCode = 1;
}
say(`${((performance.now() - started) / 1_000).toFixed(0)} s`);
process.exit();
