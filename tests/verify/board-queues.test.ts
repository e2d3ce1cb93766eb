import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Redis } from 'ioredis';
import type { Browser, Page } from 'playwright-core';
import { type BoardJobs, putBoardJobs } from '../harness/board-jobs.ts';
import {
  type BoardSite,
  logIn,
  overhang,
  recordTraffic,
  seriousFaults,
  startBoardSite,
  type Traffic,
} from '../harness/board-site.ts';
import { openChromium } from '../harness/chromium.ts';
import { type Fleet, startFleet } from '../harness/fleet.ts';
import { press } from '../harness/keyboard.ts';
import { pictureOf } from '../harness/page-picture.ts';

/** Bull Board as this board serves it, with jobs in several states, in Chromium. */
const BASE = '/ops/pushfleet';

let fleet: Fleet;
let redis: Redis;
let jobs: BoardJobs;
let board: BoardSite;
let browser: Browser;
let page: Page;
let traffic: Traffic;

beforeAll(async () => {
  fleet = await startFleet();
  redis = new Redis(fleet.environment.PUSHFLEET_REDIS_URL!, { maxRetriesPerRequest: null });
  jobs = await putBoardJobs(redis, fleet.redisPrefix, 'default');
  board = await startBoardSite(fleet, { PUSHFLEET_BOARD_BASE_PATH: BASE });
  browser = await openChromium();
  const context = await browser.newContext({ viewport: { width: 1280, height: 844 } });
  context.setDefaultTimeout(20_000);
  traffic = recordTraffic(context);
  page = await context.newPage();
  await logIn(page, board.url);
  await page.getByRole('heading', { name: 'Overview' }).waitFor();
}, 120_000);

afterAll(async () => {
  await browser?.close();
  await board?.stop();
  if (redis !== undefined) {
    for await (const keys of redis.scanStream({ match: `{${fleet.redisPrefix}-*`, count: 500 }))
      if (keys.length > 0) await redis.del(...keys);
    redis.disconnect();
  }
  await fleet?.stop();
}, 60_000);

/** Nothing serious in both themes, Bull Board's own included, and nothing that hangs over on a phone. */
async function expectSound(what: string): Promise<void> {
  expect([what, await seriousFaults(page)]).toEqual([what, []]);
  for (const width of [1280, 390]) {
    await page.setViewportSize({ width, height: 844 });
    expect([what, width, await overhang(page)]).toEqual([what, width, 0]);
    await pictureOf(page, `${what} ${width}`);
  }
  await page.setViewportSize({ width: 1280, height: 844 });
}

async function open(path: string, text: string): Promise<void> {
  await page.goto(`${board.url}/queues/${path}`);
  await page.getByText(text).first().waitFor();
}

test('axe-core finds nothing serious in Bull Board: queues, jobs in each state, one job, its parts, the settings', async () => {
  await open('', 'bulk');
  await expectSound('queues');
  for (const [path, text] of [
    ['queue/bulk?status=delayed', 'notification 43'],
    ['queue/bulk?status=failed', 'notification 42'],
    ['queue/urgent?status=waiting', 'notification 44'],
    ['queue/results?status=latest', 'result of'],
    [`queue/bulk/${jobs.failedId}`, 'notification 42'],
    [`queue/bulk/${jobs.delayedId}`, 'notification 43'],
  ] as const) {
    await open(path, text);
    await expectSound(path.replaceAll(/[^\w-]+/g, ' '));
  }
  await open(`queue/bulk/${jobs.failedId}`, 'notification 42');
  for (const name of await page.getByRole('tab').allTextContents()) {
    await page.getByRole('tab', { name, exact: true }).click();
    await expectSound(`job ${name}`);
  }
}, 240_000);

test('its buttons have names and are reached by the keyboard; those that the board refuses are not there', async () => {
  await open('queue/bulk?status=failed', 'notification 42');
  await press(page, page.getByRole('button', { name: 'More' }).first(), 'Enter');
  await page.getByRole('menuitem').first().waitFor();
  expect(await seriousFaults(page)).toEqual([]);
  await pictureOf(page, 'menu of a queue');
  const seen = () => page.getByRole('menuitem').filter({ visible: true }).allTextContents();
  expect(await seen()).toEqual(ALLOWED_OF_QUEUE);
  await page.keyboard.press('Escape');
  await press(page, page.getByRole('button', { name: 'Settings' }), 'Enter');
  await page.getByText('Polling interval').waitFor();
  expect(await seriousFaults(page)).toEqual([]);
  await pictureOf(page, 'settings');
  await page.keyboard.press('Escape');
  await press(page, page.getByRole('button', { name: 'Other pages' }), 'Enter');
  await page.getByRole('menuitem', { name: 'Overview' }).waitFor();
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'Overview' }).waitFor();
  for (const path of ['', 'queue/bulk?status=delayed', `queue/bulk/${jobs.failedId}`]) {
    await open(path, 'bulk');
    const nameless = page.locator('button:not([aria-label]):visible').filter({ hasNotText: /\S/ });
    expect([path, await nameless.evaluateAll((all) => all.map((one) => String(one)))]).toEqual([path, []]);
  }
}, 120_000);

test('the content security policy allows nothing inline, and refuses nothing that these pages need', async () => {
  const { headers } = await page.request
    .get(`${board.url}/queues/`)
    .then((answer) => ({ headers: answer.headers() }));
  expect(headers['content-security-policy']).not.toMatch(/unsafe|https?:/);
  expect(traffic.refused.filter((refusal) => !refusal.includes(IN_OUR_STYLE))).toEqual([]);
  expect(traffic.requests.filter((url) => !url.startsWith(`${board.url}/`))).toEqual([]);
  await open('', 'bulk');
  const look = await page.evaluate<string[]>(
    `[getComputedStyle(document.body).fontFamily, getComputedStyle(document.documentElement).getPropertyValue('--primary')]`,
  );
  expect(look).toEqual([expect.stringMatching(/^system-ui/), '#1f5fb8']);
});

/** The one style that Bull Board puts inline, by its hash, which `queues.css` has instead. */
const IN_OUR_STYLE = 'sha256-kLmvWqfziFavKtqHqRsb90f006UAK2Dmd0It5Iz2KFA=';

/** What is left of the menu of a queue: nothing else of it is done here. */
const ALLOWED_OF_QUEUE = ['Retry all 1 failed jobs'];
