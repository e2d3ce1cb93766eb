import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, posix } from 'node:path';
import { diagramOf } from './diagrams.mjs';
import { copyPicture, isPicture } from './pictures.mjs';
import { inRepository, pagesDirectory } from './places.mjs';
import { LinkedSources } from './source-pages.mjs';

/**
 * Copies the documents of the repository to where VitePress reads them, as a site has them: links lead to
 * pages of the site, or to a page with the source; Mermaid blocks are images.
 *
 * @returns how many pages there are, and the diagrams that must be drawn
 * @throws Error naming each link that leads nowhere
 */
export function stagePages() {
  const pages = documents();
  const sources = new LinkedSources(pages);
  const faults = [];
  const diagrams = [];
  for (const [path, page] of pages) {
    const up = '../'.repeat(page.split('/').length - 1);
    const resolve = (target, line) => {
      try {
        return siteTarget(target, { path, page, up, pages, sources });
      } catch (error) {
        faults.push(`${path}:${line}: ${error.message}`);
        return target;
      }
    };
    const text = staged(readFileSync(inRepository(path), 'utf8'), resolve, (code, line) => {
      const diagram = diagramOf(code, `${path}:${line}`, up);
      diagrams.push(diagram);
      return diagram.html;
    });
    writePage(page, text);
  }
  if (faults.length > 0) throw new Error(`dead links:\n  ${faults.join('\n  ')}`);
  for (const { page, text } of sources.pages()) writePage(page, text);
  return { pages: pages.size, diagrams };
}

/** Path in the repository to path on the site, without `.md`. */
function documents() {
  const markdown = (folder) =>
    readdirSync(inRepository(folder))
      .filter((name) => name.endsWith('.md'))
      .map((name) => [`${folder}/${name}`, `${folder}/${name.replace(/\.md$/, '')}`]);
  const readmes = readdirSync(inRepository('packages'))
    .map((name) => [`packages/${name}/README.md`, `packages/${name}`])
    .filter(([path]) => existsSync(inRepository(path)));
  const atRoot = ['CHANGELOG', 'CONTRIBUTING', 'SECURITY']
    .map((name) => [`${name}.md`, `${name === 'SECURITY' ? 'security-policy' : name.toLowerCase()}`])
    .filter(([path]) => existsSync(inRepository(path)));
  const inDeploy = readdirSync(inRepository('deploy'), { recursive: true })
    .filter((name) => name.endsWith('.md'))
    .map((name) => [`deploy/${name}`, `deploy/${name.replace(/\.md$/, '').replace(/README$/, 'index')}`]);
  const inDocs = [...markdown('docs'), ...markdown('docs/decisions')].map(([path, page]) => [
    path,
    page.replace(/^docs\//, '').replace(/README$/, 'index'),
  ]);
  return new Map([
    ['README.md', 'index'],
    ['docs/site/README.md', 'about-this-site'],
    ...inDocs,
    ...readmes,
    ...inDeploy,
    ...atRoot,
  ]);
}

/** A picture per theme: the site has a switch for its theme, which `prefers-color-scheme` does not know. */
const PAIR =
  /<picture>\s*<source media="\(prefers-color-scheme: dark\)" srcset="([^"]+)">\s*<img src="([^"]+)" alt="([^"]*)">\s*<\/picture>/g;

function withThemes(text) {
  return text.replace(PAIR, (whole, dark, light, alt) => {
    const image = (theme, src) => `<img class="only-${theme}" src="${src}" alt="${alt}">`;
    return `<p>${image('light', light)}${image('dark', dark)}</p>${'\n'.repeat(whole.split('\n').length - 1)}`;
  });
}

/** Rewrites what is not code, line by line. */
function staged(text, resolve, drawn) {
  const lines = [];
  let fence = null;
  for (const [index, line] of withThemes(text).split('\n').entries()) {
    const opens = /^\s*(```+|~~~+)(\S*)/.exec(line);
    if (fence !== null) {
      if (opens?.[1] === fence.mark && opens[2] === '') {
        if (fence.mermaid) lines.push(drawn(fence.code.join('\n'), fence.line));
        else lines.push(...fence.code, line);
        fence = null;
      } else fence.code.push(line);
    } else if (opens !== null) {
      const mermaid = opens[2] === 'mermaid';
      fence = { mark: opens[1], mermaid, line: index + 1, code: mermaid ? [] : [line] };
    } else if (!/^<!-- .* -->$/.test(line))
      lines.push(withLinks(line, (target) => resolve(target, index + 1)));
  }
  return lines.join('\n');
}

/** `[text](target)` and `![alt](target)`, and what HTML has in href, src and srcset. */
function withLinks(line, resolve) {
  return line
    .replace(/(\]\()([^)\s]+)/g, (_, before, target) => before + resolve(target))
    .replace(/\b((?:href|src|srcset)=")([^"\s]+)/g, (_, before, target) => before + resolve(target));
}

function siteTarget(target, { path, page, up, pages, sources }) {
  if (/^[a-z]+:/i.test(target) || target.startsWith('#')) return target;
  const [file, anchor] = target.split('#');
  const wanted = posix.join(dirname(path), file).replace(/\/$/, '');
  const hash = anchor === undefined ? '' : `#${anchor}`;
  if (isPicture(wanted)) return `./${up}${copyPicture(wanted)}`;
  const known = pages.get(wanted) ?? pages.get(`${wanted}/README.md`) ?? sources.pageOf(wanted);
  if (known === undefined) throw new Error(`${target} is not in the repository`);
  return `${posix.relative(dirname(page), known) || '.'}.md${hash}`;
}

function writePage(page, text) {
  const file = `${pagesDirectory}${page}.md`;
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
}
