import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Browser } from 'playwright-core';
import { insertNotifications, insertTokens, range } from '../harness/backend-rows.ts';
import { openChromium } from '../harness/chromium.ts';
import { deviceToken, type Fleet, startFleet } from '../harness/fleet.ts';
import { type FleetProcess, startProcess } from '../harness/fleet-process.ts';

let fleet: Fleet;
let board: FleetProcess;
let browser: Browser;
let url: string;

beforeAll(async () => {
  fleet = await startFleet({ environment: { PUSHFLEET_MAX_ATTEMPTS: '1' } });
  board = startProcess(['board'], {
    ...fleet.environment,
    PUSHFLEET_BOARD_PORT: '0',
    PUSHFLEET_BOARD_USER: 'ops',
    PUSHFLEET_BOARD_PASSWORD: 'a long password',
    PUSHFLEET_BOARD_WRITABLE: 'true',
  });
  await board.printed('"board.ready"');
  url = /"url":"([^"]+)"/.exec(board.output())![1]!;
  browser = await openChromium();
}, 60_000);
afterAll(async () => {
  await browser?.close();
  await board?.stop();
  await fleet?.stop();
}, 60_000);

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

  const context = await browser.newContext({
    httpCredentials: { username: 'ops', password: 'a long password' },
  });
  const page = await context.newPage();
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
  await context.close();
}, 120_000);

test('without the login there is nothing to see', async () => {
  const answer = await fetch(`${url.replace(/\/$/, '')}/queues/`);
  expect(answer.status).toBe(401);
});

async function until(condition: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; !(await condition()); tries++) {
    if (tries > 100) throw new Error('it did not happen in time');
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}
