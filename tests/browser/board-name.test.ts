import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Browser } from 'playwright-core';
import { type BoardProcess, startBoardProcess } from '../harness/board-process.ts';
import { openChromium } from '../harness/chromium.ts';

/** Not localhost: over plain http such a name gets no Sec-Fetch-Site, and the board has only Origin to go by. */
const NAME = 'board.test';
let board: BoardProcess;
let browser: Browser;
let url: string;

beforeAll(async () => {
  board = await startBoardProcess({
    PUSHFLEET_REDIS_URL: process.env.PUSHFLEET_TEST_REDIS_URL!,
    PUSHFLEET_REDIS_PREFIX: `name-${randomBytes(4).toString('hex')}`,
    PUSHFLEET_BOARD_USER: 'ops',
    PUSHFLEET_BOARD_PASSWORD: 'a long password',
  });
  browser = await openChromium(NAME);
  url = board.url.replace('127.0.0.1', NAME).replace(/\/$/, '');
}, 180_000);
afterAll(async () => {
  await browser?.close();
  await board?.stop();
}, 180_000);

test('over plain http at a name of its own people log in and press a button; a page from elsewhere does neither', async () => {
  const page = await browser.newPage();
  page.setDefaultTimeout(10_000);
  await page.goto(url);
  await page.getByLabel('User').fill('ops');
  await page.getByLabel('Password').fill('a long password');
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'Overview' }).waitFor();
  const csrf = await page.locator('#act input[name=_csrf]').getAttribute('value');

  // Of the same site, so that the cookie comes along, and with the right token: only where it comes from is wrong.
  await page.route('http://board.test:81/', (route) =>
    route.fulfill({
      contentType: 'text/html',
      body: `<form method="post" action="${url}/logout"><input name="_csrf" value="${csrf}"><button>x</button></form>`,
    }),
  );
  await page.goto('http://board.test:81/');
  await page.getByRole('button').click();
  await page.getByText('Changes are taken from the board’s own pages only.').waitFor();

  await page.goto(url);
  await page.getByRole('button', { name: 'Log out ops' }).click();
  await page.getByText('You are logged out.').waitFor();
  expect(new URL(page.url()).hostname).toBe(NAME);
}, 180_000);
