import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Browser, Page } from 'playwright-core';
import { insertNotifications } from '../harness/backend-rows.ts';
import { type BoardProcess, startBoardProcess } from '../harness/board-process.ts';
import { openChromium } from '../harness/chromium.ts';
import { type CommandLine, openCommandLine } from '../harness/command-line.ts';
import { type Line, openLine } from '../harness/line.ts';
import { within } from '../harness/time-limit.ts';
import { untilTrue } from '../harness/wait.ts';

/** An overview that stays open while servers go away: it says so, and does not look as if it were live. */
const SAID_WITHIN_MS = within(10_000);
const BACK_WITHIN_MS = 30_000;
let commands: CommandLine;
let mysql: Line;
let redis: Line;
let board: BoardProcess;
let browser: Browser;
let page: Page;

beforeAll(async () => {
  commands = await openCommandLine();
  await insertNotifications(commands.database, [{ id: 12, due: '2039-01-01 09:30:00' }]);
  const lineTo = async (url: URL, port: number) => {
    const line = await openLine(Number(url.port || port), url.hostname);
    url.host = `127.0.0.1:${line.port}`;
    return line;
  };
  const mysqlUrl = new URL(commands.database.url);
  const redisUrl = new URL(process.env.PUSHFLEET_TEST_REDIS_URL!);
  mysql = await lineTo(mysqlUrl, 3306);
  redis = await lineTo(redisUrl, 6379);
  board = await startBoardProcess({
    PUSHFLEET_MYSQL_URL: mysqlUrl.href,
    PUSHFLEET_REDIS_URL: redisUrl.href,
    PUSHFLEET_REDIS_PREFIX: `away-${randomBytes(4).toString('hex')}`,
  });
  browser = await openChromium();
  page = await browser.newPage();
  await page.goto(board.url);
  await page.locator('#chart canvas').waitFor();
}, 180_000);
afterAll(async () => {
  await browser?.close();
  await board?.stop();
  await mysql?.close();
  await redis?.close();
  await commands?.close();
}, 180_000);

function said(text: RegExp, timeout: number): Promise<void> {
  return page.locator('#stream').filter({ hasText: text }).waitFor({ timeout });
}

/** Live again, and it says nothing any more. */
async function isBack(): Promise<void> {
  await page.locator('#stream:empty').waitFor({ state: 'attached', timeout: BACK_WITHIN_MS });
}

/** What somebody gets who comes now. */
async function opened(): Promise<{ status: number; body: string }> {
  const answer = await fetch(board.url, { signal: AbortSignal.timeout(SAID_WITHIN_MS) });
  return { status: answer.status, body: await answer.text() };
}

test.each([
  ['refuses', () => mysql.cut()],
  ['hangs', () => mysql.silence()],
])(
  'MySQL %s: the overview says since when it is not live, whoever comes is told too, and it goes on by itself',
  async (_how, away) => {
    await away();
    await said(/^The board cannot look since \d\d:\d\d:\d\d UTC: MySQL does not answer\./, SAID_WITHIN_MS);
    // What was seen last stays.
    await page.getByRole('link', { name: '12', exact: true }).waitFor();
    expect(await opened()).toMatchObject({ status: 503, body: expect.stringContaining('MySQL') });
    // A tab whose stream began in the meantime too.
    const stream = await fetch(`${board.url}events`, { signal: AbortSignal.timeout(SAID_WITHIN_MS) });
    expect(stream.status).toBe(200);
    const first = await stream.body!.getReader().read();
    expect(Buffer.from(first.value!).toString()).toContain('MySQL does not answer');
    await mysql.mend();
    await isBack();
    // Not at once: a connection that hung is found by the next who needs it.
    await untilTrue(opened, ({ status }) => status === 200, BACK_WITHIN_MS);
  },
  120_000,
);

test.each([
  ['refuses', () => redis.cut()],
  ['hangs', () => redis.silence()],
])(
  'Redis %s: workers are unknown, and all the rest is as it was',
  async (_how, away) => {
    const workers = page.getByRole('region', { name: 'Workers' });
    await away();
    await workers.getByText('Unknown: Redis does not answer the board.').waitFor({ timeout: SAID_WITHIN_MS });
    const { status, body } = await opened();
    expect(status).toBe(200);
    expect(body).toContain('href="/notifications/12"');
    expect(body).toContain('Unknown: Redis does not answer the board.');
    await redis.mend();
    await workers.getByText('No worker has been heard of').waitFor({ timeout: BACK_WITHIN_MS });
  },
  120_000,
);

test('the board itself hangs: its page says since when it has heard nothing', async () => {
  process.kill(board.pid, 'SIGSTOP');
  try {
    await said(/^Nothing new since \d\d:\d\d:\d\d UTC: the board does not answer\./, SAID_WITHIN_MS);
  } finally {
    process.kill(board.pid, 'SIGCONT');
  }
  await isBack();
}, 180_000);
