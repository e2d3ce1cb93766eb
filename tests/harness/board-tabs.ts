import { setTimeout as sleep } from 'node:timers/promises';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { logIn } from './board-site.ts';

/** One page as a tab of Chromium saw it. Milliseconds. */
export interface SeenPage {
  readonly path: string;
  /** What the board says that it took. */
  readonly answeredMs: number;
  /** From the request to the last byte, as the browser measures it. */
  readonly seenMs: number;
  /** Until it is drawn and its scripts have run: mostly the browser's own work. */
  readonly loadedMs: number;
}

export interface Seen {
  readonly pages: readonly SeenPage[];
  /** Events that came, tab by tab. */
  readonly events: readonly number[];
  readonly faults: readonly string[];
}

/** People in front of the board: some tabs that stay open on the overview, and one in which a page a second is opened. */
export class BoardTabs {
  readonly #events: number[] = [];
  readonly #pages: SeenPage[] = [];
  readonly #faults: string[] = [];
  #isOpen = true;
  #turning: Promise<void> | null = null;

  private constructor(
    private readonly context: BrowserContext,
    private readonly url: string,
  ) {}

  /** Opens the tabs, each with the overview and its stream of events. */
  static async open(browser: Browser, url: string, tabs: number): Promise<BoardTabs> {
    const context = await browser.newContext();
    const opened = new BoardTabs(context, url);
    context.on('response', (answer) => {
      if (answer.status() >= 400) opened.#faults.push(`${answer.url()}: ${answer.status()}`);
    });
    await logIn(await context.newPage(), url);
    await context.pages()[0]!.locator('#chart canvas').waitFor();
    await context.pages()[0]!.close();
    for (let tab = 0; tab < tabs; tab++) await opened.#watch(tab);
    return opened;
  }

  /** Opens these by turns, one a second, until `leave`; at `/device` looks one up too. */
  turnPages(paths: readonly string[]): void {
    this.#turning = this.#turn(paths).catch((error: Error) => void this.#faults.push(error.message));
  }

  async leave(): Promise<Seen> {
    this.#isOpen = false;
    await this.#turning;
    const seen = { pages: this.#pages, events: this.#events, faults: [...this.#faults] };
    await this.context.close();
    return seen;
  }

  async #watch(tab: number): Promise<void> {
    const page = await this.context.newPage();
    this.#events[tab] = 0;
    const browserTools = await this.context.newCDPSession(page);
    browserTools.on('Network.eventSourceMessageReceived', () => {
      this.#events[tab]!++;
    });
    await browserTools.send('Network.enable');
    await page.goto(`${this.url}/`);
    await page.locator('#chart canvas').waitFor();
  }

  async #turn(paths: readonly string[]): Promise<void> {
    const page = await this.context.newPage();
    for (let at = 0; this.#isOpen; at++) {
      const path = paths[at % paths.length]!;
      await page.goto(this.url + path);
      this.#pages.push({ path, ...(await timesOf(page)) });
      if (path === '/device') {
        await page.getByRole('textbox').fill('7');
        await page.keyboard.press('Enter');
        await page.getByRole('heading', { name: 'Latest outcomes' }).waitFor();
        this.#pages.push({ path: 'look-up of a device', ...(await timesOf(page)) });
      }
      await sleep(1_000);
    }
  }
}

function timesOf(page: Page): Promise<Omit<SeenPage, 'path'>> {
  return page.evaluate(`(() => {
    const [{ requestStart, responseEnd, loadEventStart, serverTiming }] = performance.getEntriesByType('navigation');
    const answeredMs = serverTiming.find(({ name }) => name === 'board')?.duration;
    return { answeredMs, seenMs: responseEnd - requestStart, loadedMs: loadEventStart - requestStart };
  })()`);
}
