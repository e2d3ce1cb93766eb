import { copyFileSync, mkdirSync } from 'node:fs';
import { basename } from 'node:path';
import { inRepository, pagesDirectory } from './places.mjs';

const FOLDER = 'pictures';

/** @param path in the repository */
export function isPicture(path) {
  return /\.(png|svg|webp|gif|jpe?g)$/.test(path);
}

/** @returns its place on the site @throws Error where it is missing */
export function copyPicture(path) {
  mkdirSync(pagesDirectory + FOLDER, { recursive: true });
  const place = `${FOLDER}/${basename(path)}`;
  try {
    copyFileSync(inRepository(path), pagesDirectory + place);
  } catch {
    throw new Error(`${path} is missing; is it made by npm run screenshots?`);
  }
  return place;
}
