/**
 * `npm run bench`: all that docs/benchmarks.md shows of speed, in about ten minutes, and writes it there.
 * `npm run bench -- NAME [SIZE ...]`: one of them, printed; `memory` and `costs` only so. They assert nothing.
 */
import { measureAll, PARTS } from '../benchmarks/all.mjs';
import { machineLine } from '../benchmarks/report.mjs';
import { ensureInstalledAndBuilt } from './setup.mjs';

/** They take longer, or ask something else. */
const OTHERS = ['memory', 'costs'];
const [name, ...args] = process.argv.slice(2);
const say = (line) => process.stdout.write(`${line}\n`);

if (name !== undefined && ![...PARTS, ...OTHERS].includes(name)) {
  process.stderr.write(`there is no benchmark "${name}"; there is: ${[...PARTS, ...OTHERS].join(', ')}\n`);
  process.exit(2);
}
ensureInstalledAndBuilt();
say(machineLine());
if (name === undefined) await measureAll(say);
else {
  const benchmark = await import(`../benchmarks/${name}.mjs`);
  if (OTHERS.includes(name)) process.exitCode = await benchmark.run(args, say);
  else {
    const sizes = args.map((arg) => Number(arg.replaceAll('_', '')));
    const { text } = await benchmark.measure(say, sizes.length > 0 ? { sizes, size: sizes[0] } : {});
    say(`\n${text.join('\n')}`);
  }
}
