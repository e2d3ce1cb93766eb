/**
 * Brings a fresh clone to the point where it can run: Node's version, dependencies, build. Node built-ins
 * only, since nothing is installed yet. Does nothing where nothing is to be done (0.3 s), prints a line for
 * each step that took a while, and everything that a failing step said.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The root of the checkout, absolute. */
export const root = dirname(dirname(fileURLToPath(import.meta.url)));

const LEAST_NODE = [20, 19];
const WORTH_A_LINE_MS = 1_500;

/** Installs the dependencies and builds, as far as needed. Throws an Error whose message is for a person. */
export function ensureInstalledAndBuilt() {
  requireNode(process.versions.node);
  if (!dependenciesAreInstalled()) {
    // The environment may say NODE_ENV=production; the compiler is a development dependency.
    const npm = npmCommand(['ci', '--include=dev', '--no-audit', '--no-fund']);
    runStep('installed the dependencies', npm, 'npm could not install the dependencies');
  }
  const tsc = [process.execPath, join(root, 'node_modules/typescript/bin/tsc'), '-b'];
  runStep('built', tsc, 'the build failed');
}

function requireNode(version) {
  const [major, minor] = version.split('.').map(Number);
  const [leastMajor, leastMinor] = LEAST_NODE;
  if (major > leastMajor || (major === leastMajor && minor >= leastMinor)) return;
  throw new Error(
    `Pushfleet needs Node ${LEAST_NODE.join('.')} or newer; this is Node ${version} (${process.execPath}).`,
  );
}

/**
 * Compares the lock file with npm's own record of what it has installed, which npm writes last: an
 * installation that was cut off, or one from another lock file, does not count.
 */
function dependenciesAreInstalled() {
  const record = join(root, 'node_modules/.package-lock.json');
  if (!existsSync(record)) return false;
  const wanted = packagesOf(join(root, 'package-lock.json'));
  const installed = packagesOf(record);
  return Object.entries(wanted).every(([path, entry]) => {
    const isRoot = path === '';
    if (!installed[path]) return isRoot || entry.optional === true; // built for another platform
    return installed[path].version === entry.version && (entry.link || existsSync(join(root, path)));
  });
}

function packagesOf(file) {
  return JSON.parse(readFileSync(file, 'utf8')).packages;
}

function npmCommand(args) {
  // Under `npm start` npm tells where it is; that also works where npm is not on PATH.
  const npm = process.env.npm_execpath;
  return npm?.endsWith('.js') ? [process.execPath, npm, ...args] : ['npm', ...args];
}

function runStep(done, [command, ...args], failure) {
  const startedAt = performance.now();
  const { status, error, stdout, stderr } = spawnSync(command, args, {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  if (status !== 0) {
    throw new Error(`${stdout ?? ''}${stderr ?? ''}\n${failure}${error ? `: ${error.message}` : ''}`.trim());
  }
  const tookMs = performance.now() - startedAt;
  if (tookMs > WORTH_A_LINE_MS) process.stdout.write(`${done} (${(tookMs / 1_000).toFixed(1)} s)\n`);
}
