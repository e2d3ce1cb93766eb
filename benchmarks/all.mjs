/** Runs the benchmarks of the page one after the other and writes their part of it. */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { headline } from './headline.mjs';
import { withInstallation } from './installation-run.mjs';
import { machineLine, versions } from './report.mjs';

const PAGE = fileURLToPath(new URL('../docs/benchmarks.md', import.meta.url));
const README = fileURLToPath(new URL('../README.md', import.meta.url));

/** Device tokens of the installation that these share. The last leaves it with a limit of rate and a broadcast half sent. */
const SIZE = 1_000_000;
const SHARING = ['end-to-end', 'latency', 'urgent'];
export const PARTS = ['wire', ...SHARING, 'planning'];

export async function measureAll(say) {
  const startedAt = performance.now();
  const parts = {};
  const sections = [];
  const part = async (name, shared) => {
    const { title, measure } = await import(`./${name}.mjs`);
    const before = performance.now();
    say(`\n${title}`);
    const { text, figures } = await measure(say, { shared });
    parts[name] = figures;
    const seconds = Math.round((performance.now() - before) / 1_000);
    sections.push(
      `## ${title}`,
      '',
      `\`npm run bench -- ${name}\`, ${seconds} s. ${text[0]}`,
      ...text.slice(1),
      '',
    );
    say(`\n${text.join('\n')}`);
  };
  await part('wire');
  await withInstallation(SIZE, say, async (shared) => {
    for (const name of SHARING) await part(name, shared);
  });
  await part('planning');
  const minutes = ((performance.now() - startedAt) / 60_000).toFixed(1);
  const facts = `${machineLine()}, ${versions().join(', ')}; ${minutes} minutes in all.`;
  replaceBlock(PAGE, 'npm run bench', [facts, '', ...sections]);
  replaceBlock(README, 'benchmarks', headline(parts));
  say(
    `\n${facts}\nWritten into docs/benchmarks.md and README.md; run \`npm run format\` before you commit them.`,
  );
}

/** What stands between `<!-- NAME: begin -->` and `<!-- NAME: end -->`. */
function replaceBlock(file, name, lines) {
  const text = readFileSync(file, 'utf8');
  const [begin, end] = [`<!-- ${name}: begin -->`, `<!-- ${name}: end -->`];
  const from = text.indexOf(begin);
  const to = text.indexOf(end);
  if (from < 0 || to < from) throw new Error(`${file} has no block from "${begin}" to "${end}"`);
  const block = lines.join('\n').trim();
  writeFileSync(file, `${text.slice(0, from + begin.length)}\n\n${block}\n\n${text.slice(to)}`);
}
