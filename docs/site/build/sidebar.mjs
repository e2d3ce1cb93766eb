import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { pagesDirectory } from './places.mjs';
import { READING_ORDER, SHORT_NAMES } from './reading-order.mjs';

const API_ORDER = ['functions', 'interfaces', 'type-aliases', 'classes'];

/** VitePress' sidebar, from the reading order and the headlines of the pages that were staged. */
export function sidebar() {
  if (!existsSync(pagesDirectory)) return [];
  const groups = READING_ORDER.map(({ pages, folder, ...group }) => ({
    ...group,
    pages: [...pages.filter(isStaged), ...(folder === undefined ? [] : pagesIn(folder))],
  }));
  const placed = new Set(groups.flatMap(({ pages }) => pages));
  const others = pagesIn('').filter((page) => !placed.has(page));
  if (others.length > 0) groups.push({ text: 'More', pages: others });
  return groups.map(({ pages, ...group }) => ({
    ...group,
    items: pages.map((page) => ({
      text: nameOf(page),
      link: `/${page.replace(/(^|\/)index$/, '$1')}`,
      ...(page === 'api/index' ? { items: apiPages(), collapsed: true } : {}),
    })),
  }));
}

function pagesIn(folder) {
  return readdirSync(pagesDirectory + folder)
    .filter((name) => name.endsWith('.md') && name !== 'index.md')
    .map((name) => `${folder === '' ? '' : `${folder}/`}${name.replace(/\.md$/, '')}`)
    .sort();
}

/** One per function, interface, class and type, named as in code. */
function apiPages() {
  return readdirSync(`${pagesDirectory}api`, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .sort((one, other) => API_ORDER.indexOf(one.name) - API_ORDER.indexOf(other.name))
    .flatMap(({ name }) => pagesIn(`api/${name}`))
    .map((page) => ({ text: page.split('/').at(-1), link: `/${page}` }));
}

function isStaged(page) {
  return existsSync(`${pagesDirectory}${page}.md`);
}

function nameOf(page) {
  const short = SHORT_NAMES.get(page);
  if (short !== undefined) return short;
  const headline = /^# (.+)$/m.exec(readFileSync(`${pagesDirectory}${page}.md`, 'utf8'))?.[1];
  if (headline === undefined) throw new Error(`${page}.md has no headline, and needs one as its title`);
  return headline.replaceAll('`', '');
}
