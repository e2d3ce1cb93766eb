/**
 * `npm run screenshots`: the pictures of README and docs, of real pages and real terminals. Starts what
 * `npm start` starts, in a directory of its own, and stops it again; takes about a minute.
 */
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureInstalledAndBuilt, root } from './setup.mjs';

const LARGEST_BYTES = 150_000;
const LIMIT_MS = 180_000;
const STATUS = { cols: 136, rows: 40 };

const say = (line) => process.stdout.write(`${line}\n`);
let demo;
let directory;

async function takePictures() {
  ensureInstalledAndBuilt();
  // What these import is there only now.
  const { commandOnTerminal, sendMore, startDemo } = await import('./pictures/demo.mjs');
  const { FOLDER, MANIFEST, PICTURES, sourceHashes } = await import('./pictures/picture-sources.mjs');
  const { movingPicture, stillPicture } = await import('./pictures/terminal-svg.mjs');
  const { takeBoardPictures } = await import('./pictures/board-pictures.mjs');
  const { ensureChromium } = await import('../packages/local-servers/dist/ensure-chromium.js');

  const hashes = sourceHashes(); // before, so that what changes meanwhile counts as changed
  const executablePath = await ensureChromium(process.env.PUSHFLEET_TEST_CHROMIUM, say);
  directory = mkdtempSync(join(tmpdir(), 'pushfleet-pictures-'));
  mkdirSync(join(root, FOLDER), { recursive: true });
  const taken = new Map();
  const save = async (name, bytes) => void taken.set(name, Buffer.from(bytes));

  demo = await startDemo(directory);
  const { broadcast, device } = await sendMore(demo);
  await takeBoardPictures({ executablePath, ...demo, broadcast, device, save });
  const status = await commandOnTerminal(['status'], { directory, ...STATUS });
  const about = { ...STATUS, title: 'pushfleet status in a terminal', prompt: 'npx pushfleet status' };
  await save('status.svg', stillPicture(status, about));
  await demo.stop();
  const start = { cols: demo.cols, rows: 32, title: 'npm start in a terminal', prompt: 'npm start' };
  await save('start.svg', movingPicture(await demo.frames(), start));

  const missing = Object.keys(PICTURES).filter((name) => !taken.has(name));
  if (missing.length > 0) throw new Error(`not taken: ${missing.join(', ')}`);
  const large = [...taken].filter(([, bytes]) => bytes.length > LARGEST_BYTES);
  if (large.length > 0)
    throw new Error(`above ${LARGEST_BYTES} bytes: ${large.map(([name]) => name).join(', ')}`);
  for (const name of readdirSync(join(root, FOLDER))) rmSync(join(root, FOLDER, name));
  for (const [name, bytes] of taken) writeFileSync(join(root, FOLDER, name), bytes);
  writeFileSync(join(root, MANIFEST), `${JSON.stringify(hashes, null, 2)}\n`);
  const bytes = [...taken.values()].reduce((sum, one) => sum + one.length, 0);
  say(`${taken.size} pictures in ${FOLDER}, ${Math.round(bytes / 1_000)} kB`);
}

const limit = new AbortController();
const overdue = new Promise((_, reject) => {
  const timer = setTimeout(() => reject(new Error('not done within three minutes')), LIMIT_MS);
  limit.signal.addEventListener('abort', () => clearTimeout(timer));
  for (const signal of ['SIGINT', 'SIGTERM'])
    process.once(signal, () => reject(new Error(`ended by ${signal}`)));
});
try {
  await Promise.race([takePictures(), overdue]);
} catch (error) {
  process.stderr.write(`screenshots: ${error instanceof Error ? error.message : error}\n`);
  process.exitCode = 1;
} finally {
  limit.abort();
  await demo?.stop();
  if (directory !== undefined) rmSync(directory, { recursive: true, force: true });
  process.exit();
}
