/** `npm run build`: the documentation as static pages in `dist`. Stops at the first thing that is not as it should be. */
import { existsSync, rmSync } from 'node:fs';
import { build } from 'vitepress';
import { writeApiReference } from './build/api-reference.mjs';
import { brokenLinks } from './build/built-links.mjs';
import { openChromium } from './build/chromium.mjs';
import { drawDiagrams } from './build/diagrams.mjs';
import { dist, inRepository, pagesDirectory, site } from './build/places.mjs';
import { stagePages } from './build/stage-pages.mjs';

const say = (line) => process.stdout.write(`${line}\n`);

try {
  if (!existsSync(inRepository('node_modules/mysql2')))
    throw new Error(
      "the API reference needs the library's own dependencies: run npm ci in the repository first",
    );
  for (const directory of [pagesDirectory, dist]) rmSync(directory, { recursive: true, force: true });
  // First, because a machine without it should say so before it has worked for a minute.
  const chromium = await openChromium();
  try {
    const { pages, diagrams } = stagePages();
    say(`${pages} pages from the repository`);
    await drawDiagrams(chromium, diagrams);
    say(`${diagrams.length} diagrams drawn`);
  } finally {
    await chromium.close();
  }
  say(`${await writeApiReference()} pages of the API reference`);
  await build(site);
  const broken = brokenLinks(dist);
  if (broken.length > 0) throw new Error(`dead links:\n  ${broken.join('\n  ')}`);
  say('built: docs/site/dist');
} catch (error) {
  process.stderr.write(`docs/site: ${error instanceof Error ? error.message : error}\n`);
  process.exitCode = 1;
}
