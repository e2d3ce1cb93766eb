import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { BASE_IMAGE, buildah, ensureBase } from './stand-in-base.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const IMAGE = 'localhost/pushfleet-test:latest';

/** What the image says of itself, as Docker reads it. */
export interface ImageConfig {
  readonly User: string;
  readonly Env: readonly string[];
  readonly Entrypoint: readonly string[];
  readonly WorkingDir: string;
  readonly Healthcheck: { readonly Test: readonly string[] };
}

export interface BuiltImage {
  /** Its file system, on this machine. */
  readonly path: string;
  readonly config: ImageConfig;
  remove(): void;
}

/** Secrets that somebody has in a working tree; none of them may go into an image. */
export const DECOYS = [
  '.env',
  'secrets/AuthKey.p8',
  'apps/cli/.env.local',
  'packages/shared/AuthKey_ABC.p8',
  'apps/tls.pem',
];
export const DECOY = 'decoy-that-must-not-be-built-in';

/** Builds the Dockerfile of the working tree, with npm as it is configured here. Takes a minute. */
export function buildImage(say: (line: string) => void): BuiltImage {
  ensureBase(say);
  const directory = mkdtempSync(join(tmpdir(), 'pushfleet-build-'));
  try {
    const context = join(directory, 'context');
    copyWorkingTree(context);
    buildah(
      [
        ...['bud', '--isolation', 'chroot', '--format', 'docker', '--layers=false', '--force-rm'],
        ...['--build-arg', `NODE_IMAGE=${BASE_IMAGE}`, ...npmVolumes(directory), '--tag', IMAGE],
        ...['--file', join(context, 'Dockerfile'), context],
      ],
      480_000,
    );
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
  const { Docker } = JSON.parse(buildah(['inspect', '--type', 'image', IMAGE])) as {
    Docker: { config: ImageConfig };
  };
  const container = buildah(['from', IMAGE]);
  return {
    path: buildah(['mount', container]),
    config: Docker.config,
    remove() {
      buildah(['rm', container]);
      buildah(['rmi', IMAGE]);
    },
  };
}

/** What git knows, and the decoys. */
function copyWorkingTree(context: string): void {
  const files = execFileSync('git', ['ls-files', '-z'], { cwd: root, encoding: 'utf8' }).split('\0');
  for (const file of files.filter((name) => name !== '' && existsSync(join(root, name)))) {
    mkdirSync(dirname(join(context, file)), { recursive: true });
    cpSync(join(root, file), join(context, file));
  }
  for (const decoy of DECOYS) {
    mkdirSync(dirname(join(context, decoy)), { recursive: true });
    writeFileSync(join(context, decoy), DECOY);
  }
}

/** The registry and the authorities that npm uses here, for the build alone: nothing of them is left in the image. */
function npmVolumes(directory: string): string[] {
  const configured = (name: string) =>
    execFileSync('npm', ['config', 'get', name], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
  const lines = [`registry=${configured('registry')}`];
  const volumes: string[] = [];
  const authorities = [configured('cafile'), process.env.NODE_EXTRA_CA_CERTS ?? ''].find((path) =>
    existsSync(path),
  );
  if (authorities !== undefined) {
    lines.push('cafile=/usr/local/etc/authorities.pem');
    volumes.push('--volume', `${authorities}:/usr/local/etc/authorities.pem:ro`);
  }
  const file = join(directory, 'npmrc');
  writeFileSync(file, `${lines.join('\n')}\n`);
  return [...volumes, '--volume', `${file}:/usr/local/etc/npmrc:ro`];
}
