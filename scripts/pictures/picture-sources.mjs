import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const HERE = fileURLToPath(new URL('../..', import.meta.url));
export const FOLDER = 'docs/pictures';
export const MANIFEST = `${FOLDER}/manifest.json`;

const BOARD = [
  'apps/board/src',
  'apps/board/public',
  'scripts/pictures/board-pictures.mjs',
  'scripts/pictures/demo.mjs',
];
const TERMINAL = ['scripts/pictures/terminal-svg.mjs', 'scripts/pictures/recorded-terminal.mjs'];
const STATUS = [
  'apps/cli/src/commands/status.ts',
  'apps/cli/src/status-view.ts',
  'apps/cli/src/table-style.ts',
];
const START = [
  'first-push',
  'progress-display',
  'run-parts',
  'sample-devices',
  'sample-notifications',
  'screen',
  'summary',
  'try-yourself',
].map((name) => `apps/cli/src/up/${name}.ts`);

/** Each picture, and the files and folders that it shows: when one changes, the picture is stale. */
export const PICTURES = {
  'overview-light.png': BOARD,
  'overview-dark.png': BOARD,
  'overview-phone.png': BOARD,
  'notification-light.png': BOARD,
  'notification-dark.png': BOARD,
  'device-light.png': BOARD,
  'device-dark.png': BOARD,
  'login-light.png': BOARD,
  'login-dark.png': BOARD,
  'queues-light.png': BOARD,
  'start.svg': [...TERMINAL, ...START],
  'status.svg': [...TERMINAL, ...STATUS],
};

/** Of the sources as they are, without tests, per picture. */
export function sourceHashes(root = HERE) {
  const known = new Map();
  const hashOf = (sources) => {
    const key = sources.join();
    if (!known.has(key)) known.set(key, digest(root, sources.flatMap((path) => filesIn(root, path)).sort()));
    return known.get(key);
  };
  return Object.fromEntries(Object.entries(PICTURES).map(([name, sources]) => [name, hashOf(sources)]));
}

/** What is wrong with the pictures that are stored; empty where nothing is. */
export function stalePictures(root = HERE) {
  if (!existsSync(join(root, MANIFEST))) return [`${MANIFEST} is missing`];
  const recorded = JSON.parse(readFileSync(join(root, MANIFEST), 'utf8'));
  const now = sourceHashes(root);
  return Object.keys(PICTURES).flatMap((name) => {
    if (!existsSync(join(root, FOLDER, name))) return [`${name} is missing`];
    return recorded[name] === now[name] ? [] : [name];
  });
}

function filesIn(root, path) {
  if (statSync(join(root, path)).isFile()) return [path];
  return readdirSync(join(root, path), { withFileTypes: true })
    .filter(({ name }) => !name.startsWith('.') && !name.endsWith('.test.ts'))
    .flatMap(({ name }) => filesIn(root, `${path}/${name}`));
}

function digest(root, files) {
  const hash = createHash('sha256');
  for (const file of files)
    hash
      .update(`${file}\0`)
      .update(readFileSync(join(root, file)))
      .update('\0');
  return hash.digest('hex').slice(0, 16);
}
