import { randomBytes } from 'node:crypto';
import axe from 'axe-core';
import type { BrowserContext, Page } from 'playwright-core';
import { boardAccount } from './board-account.ts';
import type { Fleet } from './fleet.ts';
import { type FleetProcess, startProcess } from './fleet-process.ts';

export const BOARD_USER = 'ops';
export const BOARD_PASSWORD = 'a long password';

export interface BoardSite {
  /** Without a slash at its end, with the base path. */
  readonly url: string;
  readonly process: FleetProcess;
  stop(): Promise<void>;
}

/** The board as a process, writable, with an account of MySQL that has exactly the rights of deploy/grants/board.sql. */
export async function startBoardSite(
  fleet: Fleet,
  settings: Readonly<Record<string, string>> = {},
): Promise<BoardSite> {
  const user = `b${randomBytes(3).toString('hex')}`;
  const board = startProcess(['board'], {
    ...fleet.environment,
    PUSHFLEET_MYSQL_URL: await boardAccount(fleet.database, user),
    PUSHFLEET_BOARD_PORT: '0',
    PUSHFLEET_BOARD_USER: BOARD_USER,
    PUSHFLEET_BOARD_PASSWORD: BOARD_PASSWORD,
    PUSHFLEET_BOARD_WRITABLE: 'true',
    ...settings,
  });
  await board.printed('"board.ready"');
  return {
    url: /"url":"([^"]+)"/.exec(board.output())![1]!.replace(/\/$/, ''),
    process: board,
    async stop() {
      await board.stop();
      await fleet.database.query(`DROP USER IF EXISTS '${user}'@'%'`).catch(() => {});
    },
  };
}

/** What a browser asked for and got: to be searched when it is done. */
export interface Traffic {
  readonly requests: string[];
  /** What the browser says that the content security policy has kept out. */
  readonly refused: string[];
  /** Bodies of all answers that are text, with their addresses. */
  bodies(): Promise<readonly { readonly url: string; readonly body: string }[]>;
}

/** Begins before the first page of the context is opened. */
export function recordTraffic(context: BrowserContext): Traffic {
  const requests: string[] = [];
  const refused: string[] = [];
  context.on('console', (message) => {
    const { url, lineNumber } = message.location();
    if (/content security policy/i.test(message.text()))
      refused.push(`${message.page()?.url()} ${url}:${lineNumber} ${message.text()}`);
  });
  const bodies: Promise<{ url: string; body: string } | null>[] = [];
  context.on('request', (request) => {
    if (!/^(data|blob|about):/.test(request.url())) requests.push(request.url());
  });
  context.on('response', (response) => {
    const url = response.url();
    // A stream of events has no end to wait for: what it brings is read in the pages.
    if (url.endsWith('/events') || !/text|json|javascript/.test(response.headers()['content-type'] ?? ''))
      return;
    bodies.push(
      response.text().then(
        (body) => ({ url, body }),
        () => null,
      ),
    );
  });
  return {
    requests,
    refused,
    bodies: async () =>
      (await Promise.all(bodies.map((body) => Promise.race([body, nothingAfter(2_000)])))).filter(
        (body) => body !== null,
      ),
  };
}

/** A page that was left before an answer had ended leaves it without a body, and nobody says so. */
function nothingAfter(ms: number): Promise<null> {
  return new Promise((resolve) => setTimeout(() => resolve(null), ms));
}

/** Colours on their way from one theme to the other are nobody's. */
const TRANSITIONS_ENDED = `new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))).then(() =>
  Promise.allSettled(document.getAnimations().filter((one) => one instanceof CSSTransition).map((one) => one.finished)))`;

/** What axe-core calls serious or critical on the page, in both themes, with the elements. */
export async function seriousFaults(page: Page): Promise<string[]> {
  const found: string[] = [];
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme });
    await page.evaluate(TRANSITIONS_ENDED);
    await page.evaluate(axe.source);
    const { violations } = await page.evaluate(() =>
      (globalThis as unknown as { axe: { run(): Promise<axe.AxeResults> } }).axe.run(),
    );
    for (const { id, impact, nodes } of violations)
      if (impact === 'serious' || impact === 'critical')
        found.push(
          `${colorScheme} ${id}: ${nodes
            .map(({ html }) => html)
            .join(' ')
            .slice(0, 600)}`,
        );
  }
  return found;
}

/** Pixels by which the page is wider than its window. */
export function overhang(page: Page): Promise<number> {
  return page.evaluate<number>('document.documentElement.scrollWidth - document.documentElement.clientWidth');
}

export async function logIn(page: Page, url: string, password = BOARD_PASSWORD): Promise<void> {
  await page.goto(`${url}/`);
  await page.getByLabel('User').fill(BOARD_USER);
  await page.getByLabel('Password').fill(password);
  await page.keyboard.press('Enter');
}
