import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * What stands in for `node:24-slim` where there is no Docker engine to pull it: Debian of debootstrap with the Node
 * that npm's registry carries, npm, and a user "node" of uid 1000. Everything that is made here stays in a directory
 * of the system's temporary one, for the next run.
 */
const CACHE = join(tmpdir(), 'pushfleet-image');
const SUITE = 'bookworm';
const NODE = 24;
const NPM = 11;
const TOOLS = ['buildah', 'debootstrap', 'unshare', 'nsenter', 'ip', 'mariadbd', 'redis-server'];

export const BASE_IMAGE = `localhost/pushfleet-base:${SUITE}-node${NODE}`;

/** Why none can be made here; null where it can. */
export function whyNoBase(): string | null {
  if (process.platform !== 'linux') return 'it needs Linux';
  if (process.getuid?.() !== 0) return 'it needs root, to make a file system and namespaces';
  const missing = TOOLS.filter((tool) => spawnSync('sh', ['-c', `command -v ${tool}`]).status !== 0);
  return missing.length === 0
    ? null
    : `not installed: ${missing.join(', ')} (Debian: apt-get install --no-install-recommends buildah debootstrap iproute2 mariadb-server-core redis-server)`;
}

/** Runs buildah on images of ours alone. @returns what it printed @throws with all that it said */
export function buildah(args: readonly string[], timeoutMs = 60_000): string {
  const store = ['--root', join(CACHE, 'store'), '--runroot', join(CACHE, 'run'), '--storage-driver', 'vfs'];
  const { status, stdout, stderr, error } = spawnSync('buildah', [...store, ...args], {
    encoding: 'utf8',
    timeout: timeoutMs,
    maxBuffer: 64 * 1024 * 1024,
  });
  if (status === 0) return stdout.trim();
  throw new Error(`buildah ${args[0]} failed: ${error?.message ?? ''}\n${stdout}${stderr}`.slice(-8_000));
}

/** Makes it, unless an earlier run did. */
export function ensureBase(say: (line: string) => void): void {
  const images = buildah(['images', '--format', '{{.Name}}:{{.Tag}}']).split('\n');
  if (images.includes(BASE_IMAGE)) return;
  say(`making ${BASE_IMAGE}, once: Debian ${SUITE} and Node ${NODE}`);
  mkdirSync(CACHE, { recursive: true });
  const directory = mkdtempSync(join(CACHE, 'base-'));
  try {
    const root = join(directory, 'root');
    execFileSync('debootstrap', ['--variant=minbase', '--include=ca-certificates', SUITE, root], {
      stdio: ['ignore', 'ignore', 'inherit'],
      timeout: 300_000,
    });
    const arch = process.arch === 'arm64' ? 'arm64' : 'x64';
    const node = unpack(`node-linux-${arch}@${NODE}`, directory);
    cpSync(join(node, 'bin/node'), join(root, 'usr/local/bin/node'));
    mkdirSync(join(root, 'usr/local/lib/node_modules'), { recursive: true });
    cpSync(unpack(`npm@${NPM}`, directory), join(root, 'usr/local/lib/node_modules/npm'), {
      recursive: true,
    });
    for (const name of ['npm', 'npx'])
      symlinkSync(`../lib/node_modules/npm/bin/${name}-cli.js`, join(root, `usr/local/bin/${name}`));
    execFileSync('chroot', [root, 'useradd', '--create-home', '--uid', '1000', 'node']);
    rmSync(join(root, 'var/cache/apt'), { recursive: true, force: true });
    const archive = join(directory, 'root.tar');
    execFileSync('tar', ['-C', root, '-cf', archive, '.']);
    const container = buildah(['from', 'scratch']);
    buildah(['add', container, archive, '/'], 120_000);
    buildah([
      'config',
      '--env',
      'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
      container,
    ]);
    buildah(['commit', '--rm', container, BASE_IMAGE], 120_000);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** @returns the directory of the package */
function unpack(name: string, into: string): string {
  const directory = mkdtempSync(join(into, 'package-'));
  execFileSync('npm', ['pack', '--silent', '--pack-destination', directory, name], {
    stdio: ['ignore', 'ignore', 'inherit'],
    timeout: 120_000,
  });
  const archive = readdirSync(directory).find((file) => file.endsWith('.tgz'))!;
  execFileSync('tar', ['-C', directory, '-xzf', join(directory, archive)]);
  const unpacked = join(directory, 'package');
  if (!existsSync(unpacked)) throw new Error(`${name} is not packed as npm packs`);
  return unpacked;
}
