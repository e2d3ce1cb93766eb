import { spawnSync } from 'node:child_process';
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from '@jest/globals';

/** scripts/release.mjs in a clone of what is committed here, which has this checkout's dependencies. */
const checkout = fileURLToPath(new URL('../..', import.meta.url));
const directory = mkdtempSync(join(tmpdir(), 'pushfleet-release-'));
const clone = join(directory, 'pushfleet');

beforeAll(() => {
  git(checkout, 'clone', '--quiet', '--no-local', checkout, clone);
  git(clone, 'config', 'user.name', 'Release Test');
  git(clone, 'config', 'user.email', 'release@example.com');
  // The workspaces are the clone's own, all else is linked.
  const modules = join(clone, 'node_modules');
  mkdirSync(join(modules, '@pushfleet'), { recursive: true });
  for (const name of readdirSync(join(checkout, 'node_modules')))
    if (name !== '@pushfleet' && name !== 'pushfleet')
      symlinkSync(join(checkout, 'node_modules', name), join(modules, name));
  for (const [folder, prefix] of [
    ['packages', ''],
    ['apps', 'app-'],
  ])
    for (const name of readdirSync(join(clone, folder!)))
      symlinkSync(join(clone, folder!, name), join(modules, '@pushfleet', `${prefix}${name}`));
}, 60_000);
afterAll(() => rmSync(directory, { recursive: true, force: true }));

function git(cwd: string, ...args: string[]): string {
  const { status, stdout, stderr } = spawnSync('git', args, { cwd, encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr);
  return stdout.trim();
}

function release(...args: string[]): { status: number | null; out: string; err: string } {
  const env = { ...process.env, NODE_OPTIONS: '' };
  const { status, stdout, stderr } = spawnSync('node', ['scripts/release.mjs', ...args], {
    ...{ cwd: clone, encoding: 'utf8', env },
  });
  return { status, out: stdout, err: stderr };
}

const text = (path: string) => readFileSync(join(clone, path), 'utf8');
const changes = () => git(clone, 'status', '--porcelain');

test('it refuses what is not ready, and changes nothing', () => {
  const head = git(clone, 'rev-parse', 'HEAD');
  expect(release()).toMatchObject({ status: 2, err: expect.stringContaining('Which version?') });
  expect(release('1.0')).toMatchObject({ status: 2 });
  expect(release('0.0.9')).toMatchObject({ status: 1, err: expect.stringContaining('older than') });
  expect(release('0.1.0-rc.1')).toMatchObject({ status: 1, err: expect.stringContaining('older than') });

  writeFileSync(join(clone, 'left-over.txt'), '');
  expect(release('0.2.0')).toMatchObject({ status: 1, err: expect.stringContaining('left-over.txt') });
  rmSync(join(clone, 'left-over.txt'));

  git(clone, 'tag', 'v0.3.0');
  expect(release('0.3.0')).toMatchObject({ status: 1, err: expect.stringContaining('tagged already') });

  const dry = release('0.2.0', '--dry-run');
  expect(dry).toMatchObject({ status: 0, out: expect.stringContaining('Would set 0.2.0 in package.json') });
  expect(changes()).toBe('');
  expect(git(clone, 'rev-parse', 'HEAD')).toBe(head);
}, 60_000);

test('where the check fails the files are as they were', () => {
  appendFileSync(join(clone, 'scripts/setup.mjs'), '\nvar  unformatted\n');
  git(clone, 'commit', '--quiet', '--all', '--message', 'Broken');
  const { status, err } = release('0.2.0');
  expect({ status, err }).toMatchObject({
    status: 1,
    err: expect.stringContaining('The files are as they were'),
  });
  expect(changes()).toBe('');
  expect(text('package.json')).toContain('"version": "0.1.0"');
  git(clone, 'reset', '--quiet', '--hard', 'HEAD~1');
}, 120_000);

test('it sets the version everywhere, dates the changelog, packs, commits, tags, and publishes nothing', () => {
  const { status, out, err } = release('0.2.0');
  expect({ status, err }).toEqual({ status: 0, err: '' });
  expect(changes()).toBe('');
  expect(git(clone, 'describe')).toBe('v0.2.0');
  expect(git(clone, 'log', '-1', '--format=%s')).toBe('Version 0.2.0');

  const manifests = ['package.json', 'packages/*/package.json', 'apps/*/package.json'];
  const paths = git(clone, 'ls-files', ...manifests).split('\n');
  expect(paths.length).toBeGreaterThanOrEqual(10);
  const versions = paths.map((path) => JSON.parse(text(path)).version);
  expect(new Set(versions)).toEqual(new Set(['0.2.0']));
  expect(
    git(clone, 'grep', '--files-with-matches', '-e', '"@pushfleet/[a-z0-9-]*": "0.', '--', ...manifests),
  ).not.toBe('');
  expect(
    spawnSync(
      'git',
      ['grep', '-e', '"@pushfleet/[a-z0-9-]*": "0.1', '--', ...manifests, 'package-lock.json'],
      {
        ...{ cwd: clone, encoding: 'utf8' },
      },
    ).stdout,
  ).toBe('');
  expect(text('CHANGELOG.md')).toMatch(
    /^## \[Unreleased\]\n\n## \[0\.2\.0\] - \d{4}-\d\d-\d\d\n\n### Added/m,
  );

  const files = ['pushfleet-producer-0.2.0.tgz', 'pushfleet-apns-simulator-0.2.0.tgz'];
  expect(readdirSync(join(clone, 'release')).sort()).toEqual([...files, 'SHA256SUMS'].sort());
  const sums = spawnSync('sha256sum', ['--check', 'SHA256SUMS'], { cwd: join(clone, 'release') });
  expect(sums.status).toBe(0);
  for (const file of files) expect(out).toContain(`npm publish release/${file}`);
  expect(existsSync(join(clone, 'packages/apns-simulator/dist/bundled'))).toBe(false);
  // Nothing is left under "Unreleased", so there is nothing to release again.
  expect(release('0.3.1')).toMatchObject({ status: 1, err: expect.stringContaining('[Unreleased]') });
}, 240_000);
