import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Browser, Page } from 'playwright-core';
import { openChromium } from '../harness/chromium.ts';
import { type StaticSite, serveDirectory } from '../harness/static-site.ts';

/** The documentation site, built from a copy of the working tree and looked at in Chromium. */
const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const copy = mkdtempSync(join(tmpdir(), 'pushfleet-site-'));
const siteDirectory = join(copy, 'docs/site');

let site: StaticSite;
let browser: Browser;
let page: Page;
let asked: string[] = [];

beforeAll(async () => {
  for (const name of readdirSync(ROOT).filter((one) => !/^(node_modules|\..*)$/.test(one)))
    cpSync(join(ROOT, name), join(copy, name), {
      recursive: true,
      filter: (path) => !/\/(node_modules|\.pages|docs\/site\/dist)$/.test(path),
    });
  symlinkSync(join(ROOT, 'node_modules'), join(copy, 'node_modules'));
  const npm = spawnSync('npm', ['ci', '--no-audit', '--no-fund'], { cwd: siteDirectory, encoding: 'utf8' });
  expect([npm.status, npm.status === 0 ? '' : npm.stderr]).toEqual([0, '']);
  const { status, said } = build();
  expect([status, status === 0 ? '' : said]).toEqual([0, '']);
  site = await serveDirectory(join(siteDirectory, 'dist'));
  browser = await openChromium();
  page = await browser.newPage();
  page.on('request', (request) => void asked.push(request.url()));
}, 300_000);

afterAll(async () => {
  await browser?.close();
  site?.close();
  rmSync(copy, { recursive: true, force: true });
}, 60_000);

function build(environment: Record<string, string> = {}) {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['build.mjs'], {
    cwd: siteDirectory,
    encoding: 'utf8',
    env: { ...process.env, NODE_OPTIONS: '', ...environment },
  });
  return { status, said: stdout + stderr };
}

test('every page has a title of its own and a place in the sidebar, and nothing comes from outside', async () => {
  await page.goto(site.url);
  expect(await page.title()).toBe('Pushfleet');
  const links = await page
    .locator('.VPSidebar a')
    .evaluateAll((all) => all.map((one) => one.getAttribute('href')!));
  for (const name of readdirSync(join(ROOT, 'docs')).filter((one) => one.endsWith('.md')))
    expect(links).toContain(`/${name.replace(/\.md$/, '.html')}`);
  const titles = new Map<string, string>();
  for (const link of new Set(links)) {
    const answer = await page.goto(site.url + link, { waitUntil: 'load' });
    expect([link, answer?.status()]).toEqual([link, 200]);
    titles.set(link, await page.title());
  }
  expect(new Set(titles.values()).size).toBe(titles.size);
  expect(asked.length).toBeGreaterThan(100);
  expect(asked.filter((url) => !url.startsWith(`${site.url}/`) && !url.startsWith('data:'))).toEqual([]);
}, 120_000);

test('a word is found while nothing outside can be reached', async () => {
  asked = [];
  await page.goto(site.url);
  await page.context().route(
    (url) => url.origin !== site.url,
    (route) => route.abort('internetdisconnected'),
  );
  await page.getByRole('button', { name: 'Search' }).first().click();
  await page.locator('#localsearch-input').fill('TopicDisallowed');
  const results = page.locator('#localsearch-list a');
  await results.first().waitFor();
  expect(await results.evaluateAll((all) => all.map((one) => one.getAttribute('href')))).toContainEqual(
    expect.stringMatching(/^\/lifecycle\.html/),
  );
  await results.first().click();
  await page.waitForURL(/\.html/);
  expect(asked.filter((url) => !url.startsWith(`${site.url}/`))).toEqual([]);
});

test('the API reference knows createProducer, its options and what it throws', async () => {
  await page.goto(`${site.url}/api/functions/createProducer.html`);
  const text = (await page.locator('main').textContent())!;
  expect(text).toContain('createProducer(options): Producer');
  expect(text).toContain('ProducerOptionsError');
  await page.locator('main').getByRole('link', { name: 'ProducerOptions', exact: true }).first().click();
  await page.waitForURL(/ProducerOptions\.html/);
  await page.getByText('A mysql2 pool, or').first().waitFor();
});

test('diagrams are SVG with a text for the blind, one per theme', async () => {
  for (const [colorScheme, other] of [
    ['light', 'dark'],
    ['dark', 'light'],
  ] as const) {
    const themed = await browser.newPage({ colorScheme });
    await themed.goto(`${site.url}/lifecycle.html`);
    const shown = themed.locator(`.diagram img.only-${colorScheme}`).first();
    await shown.waitFor();
    expect(await shown.getAttribute('src')).toMatch(/\.svg$/);
    expect(await shown.getAttribute('alt')).toContain('A notification is scheduled');
    const width = () =>
      shown.evaluate((image) => (image as unknown as { naturalWidth: number }).naturalWidth);
    expect(await width()).toBeGreaterThan(300);
    expect(await themed.locator(`.diagram img.only-${other}`).first().isVisible()).toBe(false);
    await themed.close();
  }
});

test('at the width of a phone no page is wider than it', async () => {
  const phone = await browser.newPage({ viewport: { width: 390, height: 844 } });
  for (const path of ['/', '/lifecycle.html', '/events.html', '/cli.html', '/api/interfaces/Producer.html']) {
    await phone.goto(site.url + path);
    const width = await phone.evaluate('document.documentElement.scrollWidth');
    expect([path, width]).toEqual([path, 390]);
  }
  await phone.close();
});

test('a link that leads nowhere, or a missing Chromium, fails the build and is named', () => {
  const stray = join(copy, 'docs/stray.md');
  writeFileSync(stray, '# Stray\n\n[one](gone.md) and [two](../apps/gone.ts)\n');
  const dead = build();
  expect(dead.status).toBe(1);
  expect(dead.said).toContain('docs/stray.md:3: gone.md is not in the repository');
  expect(dead.said).toContain('docs/stray.md:3: ../apps/gone.ts is not in the repository');
  writeFileSync(stray, '# Stray\n\n[one](lifecycle.md#no-such-headline)\n');
  const anchor = build();
  expect(anchor.status).toBe(1);
  expect(anchor.said).toContain('stray.html: ./lifecycle.html#no-such-headline (no such headline)');
  const blind = build({ PUSHFLEET_TEST_CHROMIUM: join(copy, 'no-chromium') });
  expect(blind.status).toBe(1);
  expect(blind.said).toContain('no-chromium, which is no program');
  expect(existsSync(join(siteDirectory, 'dist/index.html'))).toBe(false);
}, 120_000);
