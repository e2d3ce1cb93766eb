import { readdirSync, readFileSync, statSync } from 'node:fs';
import { extname, posix } from 'node:path';
import { inRepository } from './places.mjs';

const LANGUAGES = new Map(
  Object.entries({
    '.conf': 'ini',
    '.json': 'json',
    '.mjs': 'js',
    '.php': 'php',
    '.rules': 'yaml',
    '.service': 'ini',
    '.sh': 'sh',
    '.sql': 'sql',
    '.ts': 'ts',
    '.yaml': 'yaml',
    '.yml': 'yaml',
  }),
);
const LEFT_OUT = /^(node_modules|dist|\..*)$/;
const LARGEST = 200_000;

/** Files and folders of the repository that documents link to: each gets a page, so that the link leads somewhere offline too. */
export class LinkedSources {
  #pages = new Map();
  #documents;

  /** @param {ReadonlyMap<string, string>} documents those that have a page of their own, by path */
  constructor(documents) {
    this.#documents = documents;
  }

  /** @returns path of its page on the site; undefined where the repository has no such file or folder */
  pageOf(path) {
    const known = this.#pages.get(path);
    if (known !== undefined) return known.page;
    const stat = statSync(inRepository(path), { throwIfNoEntry: false });
    if (stat === undefined) return undefined;
    // VitePress takes .md for an ending of its own.
    const page = `source/${path.replace(/\.md$/, '-md')}${stat.isDirectory() ? '/index' : ''}`;
    const entry = { page, text: '' };
    this.#pages.set(path, entry);
    entry.text = stat.isDirectory() ? this.#folder(path) : file(path);
    return page;
  }

  pages() {
    return this.#pages.values();
  }

  #folder(path) {
    const names = readdirSync(inRepository(path), { withFileTypes: true }).filter(
      ({ name }) => !LEFT_OUT.test(name),
    );
    const lines = names.map((one) => {
      const inside = `${path}/${one.name}`;
      const page = this.#documents.get(inside) ?? this.pageOf(inside);
      return `- [\`${one.name}${one.isDirectory() ? '/' : ''}\`](${posix.relative(`source/${path}`, page)}.md)`;
    });
    return `${head(path)}\n${lines.join('\n')}\n`;
  }
}

function file(path) {
  const text = readFileSync(inRepository(path), 'utf8');
  const shown = text.length > LARGEST ? `${text.slice(0, LARGEST)}\n… (cut off here)` : text;
  const fence = '`'.repeat(Math.max(3, ...[...shown.matchAll(/`{3,}/g)].map(([ticks]) => ticks.length + 1)));
  const language = LANGUAGES.get(extname(path)) ?? 'text';
  return `${head(path)}\n${fence}${language}\n${shown.trimEnd()}\n${fence}\n`;
}

/** Not searched: who searches wants the explanation. */
function head(path) {
  return `---\nsearch: false\noutline: false\n---\n\n# \`${path}\`\n`;
}
