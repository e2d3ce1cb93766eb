import { chromium } from 'playwright-core';
import { smallerPng } from './smaller-png.mjs';

const DESKTOP = { width: 1280, height: 1000 };
const PHONE = { width: 390, height: 844 };
/** So that the chart has something to show. */
const LOOK_AT_LEAST_MS = 15_000;

/** What a page asked for and did not get. */
const FAULTS = new WeakMap();

/**
 * Pictures of the board's pages, in the order in which somebody would see them.
 *
 * @param executablePath of Chromium
 * @param save gets each picture's name and bytes
 */
export async function takeBoardPictures({ executablePath, board, login, broadcast, device, save }) {
  const browser = await chromium.launch({
    executablePath,
    args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--disable-background-networking'],
  });
  try {
    const themes = await Promise.all(
      ['light', 'dark'].map(async (theme) => {
        const page = await openPage(browser, theme, DESKTOP);
        await page.goto(`${board}/login`);
        await save(`login-${theme}.png`, await shot(page));
        await logIn(page, login);
        return { theme, page, since: Date.now() };
      }),
    );
    const phone = await openPage(browser, 'light', PHONE);
    await phone.goto(`${board}/login`);
    await logIn(phone, login);
    for (const { theme, page, since } of themes) {
      await page.waitForTimeout(Math.max(0, since + LOOK_AT_LEAST_MS - Date.now()));
      await save(`overview-${theme}.png`, await shot(page));
    }
    await save('overview-phone.png', await shot(phone));
    const [{ page }] = themes;
    await open(page, `${board}/queues`);
    await page.getByRole('link', { name: 'bulk' }).first().click();
    await page.getByText('Loading').waitFor({ state: 'hidden' });
    await page.waitForLoadState('networkidle');
    await save('queues-light.png', await shot(page));
    for (const { theme, page } of themes) {
      await open(page, `${board}/notifications/${broadcast}`);
      await save(`notification-${theme}.png`, await shot(page));
      await lookUp(page, `${board}/device`, device);
      await save(`device-${theme}.png`, await shot(page));
    }
  } finally {
    await browser.close();
  }
}

async function openPage(browser, colorScheme, viewport) {
  const context = await browser.newContext({ colorScheme, viewport, deviceScaleFactor: 1.5, locale: 'en' });
  const page = await context.newPage();
  const faults = [];
  page.on('response', (answer) => {
    if (answer.status() >= 400) faults.push(`${new URL(answer.url()).pathname} answers ${answer.status()}`);
  });
  page.on('requestfailed', (request) => {
    const why = request.failure()?.errorText;
    // Leaving a page ends its stream of events.
    if (why !== 'net::ERR_ABORTED') faults.push(`${new URL(request.url()).pathname}: ${why}`);
  });
  FAULTS.set(page, faults);
  return page;
}

async function logIn(page, { user, password }) {
  await page.getByLabel('User').fill(user);
  await page.getByLabel('Password').fill(password);
  await page.getByRole('button', { name: 'Log in' }).click();
  await page.locator('#running').waitFor();
}

async function lookUp(page, address, device) {
  await open(page, address);
  const main = page.locator('main');
  await main.locator('input:not([type=hidden]), textarea').first().fill(device);
  await main
    .getByRole('button', { name: /look|find|search/i })
    .first()
    .click();
  await main.getByText('accepted').first().waitFor();
}

/** @throws Error where the page is not there */
async function open(page, address) {
  const answer = await page.goto(address);
  if (!answer.ok()) throw new Error(`${new URL(address).pathname} answers ${answer.status()}`);
}

/** Nothing blinks or is half drawn. @throws Error where a file of the page did not come */
async function shot(page) {
  const faults = FAULTS.get(page);
  if (faults.length > 0) throw new Error(`the page ${new URL(page.url()).pathname}: ${faults.join(', ')}`);
  await page.evaluate(() => document.fonts.ready);
  return smallerPng(await page.screenshot({ animations: 'disabled', caret: 'hide' }));
}
