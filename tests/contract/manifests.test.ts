import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { expect, test } from '@jest/globals';

/** What the manifests and the lock file promise to those who install. */
const root = fileURLToPath(new URL('../../', import.meta.url));
const { satisfies } = createRequire(import.meta.url)('semver') as {
  satisfies(version: string, range: string): boolean;
};
interface Manifest {
  readonly name?: string;
  readonly version: string;
  readonly workspaces?: string[];
  readonly resolved?: string;
  readonly link?: boolean;
  readonly engines?: { readonly node?: string };
  readonly dependencies?: Record<string, string>;
  readonly devDependencies?: Record<string, string>;
}
const manifest = (path: string) => JSON.parse(readFileSync(`${root}${path}package.json`, 'utf8')) as Manifest;
const { version, workspaces } = manifest('');
const { packages } = JSON.parse(readFileSync(`${root}package-lock.json`, 'utf8')) as {
  packages: Record<string, Manifest>;
};

test('all workspaces have one version, and ask for one another at it; the lock file says the same', () => {
  const all = workspaces!.map((path) => manifest(`${path}/`));
  const names = all.map(({ name }) => name!);
  for (const { name, version: own, dependencies, devDependencies } of all) {
    const asked = Object.entries({ ...dependencies, ...devDependencies }).filter(([of]) =>
      names.includes(of),
    );
    expect([name, own, ...asked.map(([, range]) => range)]).toEqual([
      name,
      ...Array(asked.length + 1).fill(version),
    ]);
  }
  expect(workspaces!.map((path) => packages[path]!.version)).toEqual(workspaces!.map(() => version));
});

// The last of Node 20: @fastify/sse asks for that one.
test.each(['20.20.2', '22.12.0', '24.0.0'])('npm ci has nothing to warn of on Node %s', (node) => {
  const tooNew = Object.entries(packages)
    .filter(([, { engines }]) => engines?.node !== undefined && !satisfies(node, engines.node))
    .map(([path, { engines }]) => `${path} asks for ${engines!.node}`);
  expect(tooNew).toEqual([]);
});

test('the lock file names no registry', () => {
  const named = Object.values(packages).filter(({ resolved, link }) => resolved !== undefined && !link);
  expect(named).toEqual([]);
});

test('each published package has the licence of the repository', () => {
  const licence = readFileSync(`${root}LICENSE`, 'utf8');
  for (const path of ['packages/producer', 'packages/apns-simulator'])
    expect(readFileSync(`${root}${path}/LICENSE`, 'utf8')).toBe(licence);
});
