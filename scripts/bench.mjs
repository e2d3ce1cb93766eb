/**
 * `npm run bench -- [memory [SIZE …] | costs [SIZE] | wire | end-to-end [SIZE …]]`: measurements that take minutes.
 * They print the machine, what they did and a table; they assert nothing.
 */
import { cpus, totalmem } from 'node:os';
import { ensureInstalledAndBuilt } from './setup.mjs';

const BENCHMARKS = ['memory', 'costs', 'wire', 'end-to-end'];
const [name = 'memory', ...args] = process.argv.slice(2);
const say = (line) => process.stdout.write(`${line}\n`);

if (!BENCHMARKS.includes(name)) {
  process.stderr.write(`there is no benchmark "${name}"; there is: ${BENCHMARKS.join(', ')}\n`);
  process.exit(2);
}
ensureInstalledAndBuilt();
say(
  `${cpus().length} × ${cpus()[0].model.trim()}, ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.version}`,
);
const { run } = await import(`../benchmarks/${name}.mjs`);
process.exitCode = await run(args, say);
