import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../../..', import.meta.url));
export const site = fileURLToPath(new URL('..', import.meta.url));
/** What VitePress reads: copies of the repository's documents, made anew by each build. */
export const pagesDirectory = fileURLToPath(new URL('../.pages/', import.meta.url));
export const dist = fileURLToPath(new URL('../dist/', import.meta.url));

/** @param path from the root of the repository */
export function inRepository(path) {
  return root + path;
}
