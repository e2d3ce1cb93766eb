import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import axe from 'axe-core';
import type { Browser, Page } from 'playwright-core';
import { insertNotifications, insertTokens, range } from '../harness/backend-rows.ts';
import { openChromium } from '../harness/chromium.ts';
import { deviceToken, type Fleet, startFleet } from '../harness/fleet.ts';
import { type FleetProcess, startProcess } from '../harness/fleet-process.ts';

const ACCOUNT = `'b${randomBytes(3).toString('hex')}'@'%'`;

let fleet: Fleet;
let board: FleetProcess;
let browser: Browser;
let url: string;

beforeAll(async () => {
  fleet = await startFleet({ environment: { PUSHFLEET_MAX_ATTEMPTS: '1' } });
  board = startProcess(['board'], {
    ...fleet.environment,
    PUSHFLEET_MYSQL_URL: await restrictedAccount(fleet),
    PUSHFLEET_BOARD_PORT: '0',
    PUSHFLEET_BOARD_USER: 'ops',
    PUSHFLEET_BOARD_PASSWORD: 'a long password',
    PUSHFLEET_BOARD_WRITABLE: 'true',
  });
  await board.printed('"board.ready"');
  url = /"url":"([^"]+)"/.exec(board.output())![1]!;
  browser = await openChromium();
}, 180_000);
afterAll(async () => {
  await browser?.close();
  await board?.stop();
  await fleet?.database.query(`DROP USER IF EXISTS ${ACCOUNT}`).catch(() => {});
  await fleet?.stop();
}, 180_000);

test('a batch that failed is seen in Bull Board and retried there: only its failed recipients are sent', async () => {
  const { database, simulator } = fleet;
  const failing = [2, 5];
  simulator.script(failing.map((id) => `device ${deviceToken(id)} answer 503 ServiceUnavailable`).join('\n'));
  await insertTokens(
    database,
    range(1, 6).map((id) => ({ id, deviceToken: deviceToken(id) })),
  );
  await fleet.startProducer();
  await fleet.startWorker();
  await insertNotifications(database, [{ id: 1, tokenIds: range(1, 6) }]);
  await fleet.ended([1]);
  expect(await fleet.status(1)).toMatchObject({ accepted: 4, failed: 2, reasons: { ServiceUnavailable: 2 } });
  const before = simulator.requestCount();
  simulator.script('');

  const context = await browser.newContext({ colorScheme: 'dark' });
  const page = await context.newPage();
  const foreign: string[] = [];
  page.on('request', (request) => {
    if (!request.url().startsWith(url) && !request.url().startsWith('data:')) foreign.push(request.url());
  });
  await page.goto(url);
  await page.getByLabel('User').fill('ops');
  await page.getByLabel('Password').fill('a long password');
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'Overview' }).waitFor();
  await page.locator('#chart canvas').waitFor();
  await page.getByRole('cell', { name: 'ServiceUnavailable 2' }).waitFor();
  await page.getByRole('cell', { name: 'ready' }).waitFor();
  expect(await seriousFaults(page)).toEqual([]);
  await page.getByRole('link', { name: 'Pause default' }).click();
  await page.getByText('0 recipients wait now').waitFor();
  await page.getByRole('button', { name: 'Pause default' }).click();
  await page.getByText('default is paused by board: ops').waitFor();
  await page.getByRole('button', { name: 'Resume default' }).click();
  await page.getByRole('cell', { name: 'board: ops' }).nth(1).waitFor();
  await page.getByRole('link', { name: 'Pause default' }).waitFor();
  expect(await page.content()).not.toMatch(/[0-9a-f]{64}/i);
  if (process.env.PUSHFLEET_TEST_SCREENSHOT)
    await page.screenshot({ path: process.env.PUSHFLEET_TEST_SCREENSHOT, fullPage: true });
  await page.goto(`${url.replace(/\/$/, '')}/queues/queue/urgent?status=failed`);
  await page.getByText('notification 1').first().waitFor();
  const shown = (await page.textContent('body')) ?? '';
  expect(shown).toMatch(/in all: ?6/);
  expect(shown).toMatch(/failed: ?2/);
  expect(shown).toContain('ServiceUnavailable');
  expect(shown).not.toMatch(/[0-9a-f]{64}/i);
  await page.locator('button:has(svg.lucide-refresh-cw)').first().click();
  await page.getByRole('button', { name: 'Confirm' }).click();

  await until(async () => (await fleet.status(1)).accepted === 6);
  expect(await fleet.status(1)).toMatchObject({ accepted: 6, failed: 0, reasons: {} });
  const again = simulator
    .requests()
    .slice(before)
    .map((request) => request.deviceToken);
  expect(again.sort()).toEqual(failing.map(deviceToken).sort());
  // As all that is changed here, it stands in the operators' log with the name of who did it.
  await page.goto(url);
  const line = page.getByRole('row', { name: /board: ops retryJobs urgent: all failed/ });
  await line.getByText('given to Bull Board').waitFor();
  expect(foreign).toEqual([]);
  await context.close();
}, 180_000);

test('without the login there is nothing to see', async () => {
  const answer = await fetch(`${url.replace(/\/$/, '')}/queues/`);
  expect(answer.status).toBe(401);
});

/** An account with exactly the rights of deploy/grants/board.sql: everything that the pages do, it does. */
async function restrictedAccount({ database }: Fleet): Promise<string> {
  const grants = readFileSync(new URL('../../deploy/grants/board.sql', import.meta.url), 'utf8')
    .replace(/^--.*$/gm, '')
    .replace(/\$\{(BACKEND|STATE)\}/g, database.name)
    .replaceAll(/'pushfleet_board'@'[^']+'/g, ACCOUNT)
    .replace(/(?<=IDENTIFIED BY ')[^']+/, 'only-for-tests');
  for (const statement of grants.split(';')) if (statement.trim() !== '') await database.query(statement);
  const url = new URL(database.url);
  url.username = ACCOUNT.split("'")[1]!;
  url.password = 'only-for-tests';
  return url.href;
}

/** What axe-core calls serious or critical on the page, with the elements. */
async function seriousFaults(page: Page): Promise<string[]> {
  await page.evaluate(axe.source);
  const { violations } = await page.evaluate(() =>
    (globalThis as unknown as { axe: { run(): Promise<axe.AxeResults> } }).axe.run(),
  );
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`);
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; !(await condition()); tries++) {
    if (tries > 100) throw new Error('it did not happen in time');
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}
