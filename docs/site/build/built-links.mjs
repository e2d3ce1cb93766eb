import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { base } from './base.mjs';

/**
 * What the finished pages ask for or link to and is not there: a file, an anchor, or anything that a browser
 * would fetch from an outside address by itself.
 *
 * @returns `PAGE: TARGET` of each
 */
export function brokenLinks(dist) {
  const pages = readdirSync(dist, { recursive: true }).filter((name) => name.endsWith('.html'));
  const ids = new Map(pages.map((page) => [page, idsOf(readFileSync(join(dist, page), 'utf8'))]));
  return pages.flatMap((page) => {
    const html = readFileSync(join(dist, page), 'utf8');
    const targets = new Set(
      [...html.matchAll(/<(\w+)[^>]*?\s(?:href|src)="([^"]+)"/g)].map(
        ([, tag, target]) => `${tag} ${target}`,
      ),
    );
    return [...targets].flatMap((one) => {
      const [tag, target] = one.split(' ');
      if (/^(https?:)?\/\//.test(target)) return tag === 'a' ? [] : [`${page}: fetches ${target}`];
      if (/^(data|mailto):/.test(target)) return [];
      const [path, anchor] = decodeURI(target).split('#');
      const file = fileOf(path, page);
      if (file === null || !existsSync(join(dist, file))) return [`${page}: ${target}`];
      if (!anchor || ids.get(file) === undefined || ids.get(file).has(anchor)) return [];
      return [`${page}: ${target} (no such headline)`];
    });
  });
}

function fileOf(path, page) {
  if (path === '') return page;
  if (path.startsWith('/') && !path.startsWith(base)) return null;
  const file = path.startsWith('/') ? path.slice(base.length) : posix.join(posix.dirname(page), path);
  return file === '' || file.endsWith('/') ? `${file}index.html` : file;
}

function idsOf(html) {
  return new Set([...html.matchAll(/\sid="([^"]+)"/g)].map(([, id]) => decodeURIComponent(id)));
}
