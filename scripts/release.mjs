/**
 * `node scripts/release.mjs VERSION [--dry-run]`: everything of a release but publishing. In a clean checkout it sets
 * the version everywhere, dates the changelog, checks, builds, packs into release/ with checksums, commits and tags,
 * and prints the commands that would publish. Where a step fails, the files are put back as they were.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './setup.mjs';

/** The packages that others install. */
const PUBLISHED = ['packages/producer', 'packages/apns-simulator'];
/** Where else the version stands, `VERSION` in its place. */
const MENTIONS = [
  ['deploy/kubernetes/overlays/example/kustomization.yaml', 'newTag: VERSION'],
  ['docs/kubernetes.md', '/pushfleet:VERSION'],
];
const NPM_IN_QUIET = ['--silent', '--no-audit', '--no-fund'];

const say = (line) => process.stdout.write(`${line}\n`);
const git = (...args) => execFileSync('git', args, { cwd: root, encoding: 'utf8' }).trim();
const read = (path) => readFileSync(join(root, path), 'utf8');

/** The command line says too little. */
class WrongUse extends Error {}

try {
  release(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`${error.message}\n`);
  process.exitCode = error instanceof WrongUse ? 2 : 1;
}

function release(args) {
  const isDryRun = args.includes('--dry-run');
  const [version, ...rest] = args.filter((arg) => arg !== '--dry-run');
  if (!/^\d+\.\d+\.\d+(-[0-9a-z.]+)?$/.test(version ?? '') || rest.length > 0)
    throw new WrongUse('Which version? node scripts/release.mjs 1.2.3 [--dry-run]');
  const today = new Date().toISOString().slice(0, 10);
  refuseWhatIsNotReady(version);

  const texts = newTexts(version, today);
  const published = PUBLISHED.map((path) => `${nameOf(path).slice(1).replace('/', '-')}-${version}.tgz`);
  if (isDryRun) {
    say(`Would set ${version} in ${[...texts.keys()].join(', ')},`);
    say(`check, build, pack ${published.join(' and ')} into release/, commit and tag v${version}.`);
    return;
  }
  try {
    for (const [path, text] of texts) writeFileSync(join(root, path), text);
    run('npm', ['run', 'check', ...NPM_IN_QUIET]);
    run('npm', ['run', 'build', ...NPM_IN_QUIET]);
    pack();
  } catch (error) {
    git('restore', '--', ...texts.keys());
    throw new Error(`${error.message}\nThe files are as they were; nothing is committed.`);
  }
  git('commit', '--quiet', '--message', `Version ${version}`, '--', ...texts.keys());
  git('tag', '--annotate', `v${version}`, '--message', `Version ${version}`);
  sayWhatIsLeft(version, published);
}

/** Throws unless the checkout is clean, the version is new and the changelog has something to say. */
function refuseWhatIsNotReady(version) {
  const changed = git('status', '--porcelain');
  if (changed !== '') throw new Error(`Commit or remove first:\n${changed}`);
  if (git('tag', '--list', `v${version}`) !== '') throw new Error(`v${version} is tagged already.`);
  const current = JSON.parse(read('package.json')).version;
  if (order(version, current) < 0) throw new Error(`${version} is older than the present ${current}.`);
  if (unreleased(read('CHANGELOG.md')).trim() === '')
    throw new Error('CHANGELOG.md has nothing under [Unreleased].');
}

/** Below 0 where `one` comes before `other`; a version with a suffix comes before the one without. */
function order(one, other) {
  const [numbers, others] = [one, other].map((each) => each.split('-')[0].split('.').map(Number));
  const at = numbers.findIndex((number, index) => number !== others[index]);
  return at === -1 ? Number(other.includes('-')) - Number(one.includes('-')) : numbers[at] - others[at];
}

function unreleased(changelog) {
  return /^## \[Unreleased\]\n([\s\S]*?)(?=^## \[|$(?![\s\S]))/m.exec(changelog)?.[1] ?? '';
}

function nameOf(path) {
  return JSON.parse(read(`${path}/package.json`)).name;
}

/** What each file that names the version will hold, by path. */
function newTexts(version, today) {
  const { version: current, workspaces } = JSON.parse(read('package.json'));
  const names = new Set(workspaces.map(nameOf));
  const texts = new Map();
  for (const path of [
    'package.json',
    ...workspaces.map((each) => `${each}/package.json`),
    ...site('package.json'),
  ])
    texts.set(path, json(withVersion(JSON.parse(read(path)), version, names)));
  for (const path of ['package-lock.json', ...site('package-lock.json')]) {
    const lock = JSON.parse(read(path));
    lock.version = version;
    for (const [at, entry] of Object.entries(lock.packages))
      if (at === '' || workspaces.includes(at)) withVersion(entry, version, names);
    texts.set(path, json(lock));
  }
  texts.set(
    'CHANGELOG.md',
    read('CHANGELOG.md').replace('## [Unreleased]\n', `## [Unreleased]\n\n## [${version}] - ${today}\n`),
  );
  for (const [path, text] of MENTIONS) {
    const [old, set] = [current, version].map((each) => text.replace('VERSION', each));
    if (!read(path).includes(old)) throw new Error(`${path} does not say "${old}".`);
    texts.set(path, read(path).replaceAll(old, set));
  }
  // What stays as it is (the first release has the version that is there) need not be committed.
  return new Map([...texts].filter(([path, text]) => text !== read(path)));
}

/** The documentation site has packages of its own. */
function site(file) {
  return existsSync(join(root, 'docs/site', file)) ? [`docs/site/${file}`] : [];
}

/** Sets the version of a manifest, and that of our packages which it asks for. */
function withVersion(manifest, version, names) {
  manifest.version = version;
  for (const kind of ['dependencies', 'devDependencies'])
    for (const name of Object.keys(manifest[kind] ?? {})) if (names.has(name)) manifest[kind][name] = version;
  return manifest;
}

function json(value) {
  return `${JSON.stringify(value, null, 2)}\n`;
}

function pack() {
  const target = join(root, 'release');
  rmSync(target, { recursive: true, force: true });
  mkdirSync(target);
  run('npm', [
    'pack',
    ...NPM_IN_QUIET,
    '--pack-destination',
    target,
    ...PUBLISHED.map((path) => `./${path}`),
  ]);
  const sums = readdirSync(target).map((file) => {
    const sum = createHash('sha256')
      .update(readFileSync(join(target, file)))
      .digest('hex');
    return `${sum}  ${file}\n`;
  });
  writeFileSync(join(target, 'SHA256SUMS'), sums.join(''));
}

function run(command, args) {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd: root, encoding: 'utf8' });
  if (status !== 0) throw new Error(`${stdout}${stderr}\n${command} ${args.join(' ')} failed.`);
}

function sayWhatIsLeft(version, published) {
  say(`Version ${version} is committed and tagged here; release/ has the packages and SHA256SUMS.`);
  say('Nothing is published. To publish:\n');
  say(`  git push origin HEAD v${version}`);
  for (const file of published) say(`  npm publish release/${file} --access public`);
  say(`\nTo undo: git tag -d v${version} && git reset --hard HEAD~1`);
}
