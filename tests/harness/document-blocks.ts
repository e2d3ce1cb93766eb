import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const docs = fileURLToPath(new URL('../../docs/', import.meta.url));

/** One fenced block of a document, with the comment that stands above it. */
export interface Block {
  /** `FILE:LINE` of its fence. */
  readonly at: string;
  /** The text within `<!-- … -->`; null where there is none. */
  readonly marker: string | null;
  readonly code: string;
}

/** @param document file name in `docs` */
export function blocksOf(document: string): Block[] {
  const blocks: Block[] = [];
  let marker: string | null = null;
  let open: { at: string; marker: string | null; lines: string[] } | null = null;
  for (const [index, line] of readFileSync(docs + document, 'utf8')
    .split('\n')
    .entries()) {
    if (line.trimStart().startsWith('```')) {
      if (open === null) open = { at: `${document}:${index + 1}`, marker, lines: [] };
      else {
        blocks.push({ at: open.at, marker: open.marker, code: open.lines.join('\n') });
        open = marker = null;
      }
    } else if (open !== null) open.lines.push(line);
    else if (line.trim() !== '') marker = /^<!-- (.+) -->$/.exec(line)?.[1] ?? null;
  }
  return blocks;
}

/** What a document shows as output, as a regular expression; `…` is anything. */
export function shownPattern(shown: string): RegExp {
  const parts = shown.split('…').map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(parts.join('[^]*'));
}
