import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { insertGroup, insertNotifications, insertTokens, range, utcNow } from '../harness/backend-rows.ts';
import {
  BOARD_PASSWORD,
  BOARD_USER,
  type BoardSite,
  logIn,
  overhang,
  recordTraffic,
  seriousFaults,
  startBoardSite,
  type Traffic,
} from '../harness/board-site.ts';
import { openChromium } from '../harness/chromium.ts';
import { deviceToken, type Fleet, startFleet } from '../harness/fleet.ts';
import { goTo, press } from '../harness/keyboard.ts';
import { pictureOf } from '../harness/page-picture.ts';
import { untilTrue } from '../harness/wait.ts';

/**
 * The board in a real Chromium, under a base path, on a fleet that sends: what people do there, what they must not
 * be able to, and what no page may show. All of it by the keyboard alone. PUSHFLEET_TEST_SCREENSHOTS names a directory
 * for pictures of each page.
 */
const BASE = '/ops/pushfleet';
const DEVICES = 3_000;
const DEAD = [7, 8];

/** A board whose clock is so many hours ahead, with the same password: the same sessions, later. */
function startLater(hours: number): Promise<BoardSite> {
  const ahead = `const now=Date.now;Date.now=()=>now()+${hours * 3_600_000}`;
  const NODE_OPTIONS = `--import data:text/javascript,${encodeURIComponent(ahead)}`;
  return startBoardSite(fleet, { PUSHFLEET_BOARD_BASE_PATH: BASE, NODE_OPTIONS });
}

let fleet: Fleet;
let board: BoardSite;
let browser: Browser;
let context: BrowserContext;
let page: Page;
let traffic: Traffic;

beforeAll(async () => {
  fleet = await startFleet({
    environment: {
      PUSHFLEET_RATE_PER_SECOND: '200',
      PUSHFLEET_QUEUE_LIMIT: '1000',
      PUSHFLEET_BATCH_SIZE: '100',
    },
  });
  await insertTokens(
    fleet.database,
    range(1, DEVICES).map((id) => ({ id, deviceToken: deviceToken(id) })),
  );
  await insertGroup(fleet.database, 1, range(1, DEVICES));
  fleet.simulator.script(
    DEAD.map((id) => `device ${deviceToken(id)} answer 410 Unregistered timestamp -60s`).join('\n'),
  );
  await fleet.startProducer();
  await fleet.startWorker();
  board = await startBoardSite(fleet, { PUSHFLEET_BOARD_BASE_PATH: BASE });
  browser = await openChromium();
  context = await browser.newContext();
  context.setDefaultTimeout(20_000);
  traffic = recordTraffic(context);
  page = await context.newPage();
}, 120_000);

afterAll(async () => {
  await browser?.close();
  await board?.stop();
  await fleet?.stop();
}, 60_000);

/** In both themes and on a phone: nothing that axe-core calls serious, nothing that hangs over. */
async function expectSound(what: string, looked = page): Promise<void> {
  expect([what, await seriousFaults(looked)]).toEqual([what, []]);
  for (const width of [1280, 390]) {
    await looked.setViewportSize({ width, height: 844 });
    expect([what, width, await overhang(looked)]).toEqual([what, width, 0]);
    await pictureOf(looked, `${what} ${width}`);
  }
  await looked.setViewportSize({ width: 1280, height: 844 });
}

/** Into the form where the focus is when it opens. */
async function typeLogin(password: string): Promise<void> {
  await page.keyboard.type(BOARD_USER);
  await page.keyboard.press('Tab');
  await page.keyboard.type(password);
  await page.keyboard.press('Enter');
}

test('a wrong password is told, the right one leads to where one was going', async () => {
  await page.goto(`${board.url}/confirm/pause?about=default`);
  await page.getByRole('heading', { name: 'Log in' }).waitFor();
  expect(new URL(page.url()).pathname).toBe(`${BASE}/login`);
  await expectSound('login');
  await typeLogin('wrong');
  await page.getByRole('alert').filter({ hasText: 'User or password is wrong.' }).waitFor();
  await expectSound('wrong password');
  await typeLogin('a long password');
  await page.getByRole('heading', { name: 'Pause default?' }).waitFor();
  await expectSound('confirmation');
  await press(page, page.getByRole('link', { name: 'Back, change nothing' }), 'Enter');
  await page.getByRole('heading', { name: 'Overview' }).waitFor();
  await expectSound('overview at rest');
}, 120_000);

test('the bar and the chart of a broadcast move while one looks', async () => {
  await insertNotifications(fleet.database, [{ id: 1, groupIds: [1] }]);
  const bar = page.getByRole('progressbar', { name: 'settled of notification 1', exact: true });
  await bar.waitFor();
  const value = async () => Number(await bar.getAttribute('value').catch(() => 0));
  const first = await untilTrue(value, (now) => now > 0);
  await untilTrue(value, (now) => now > first);
  const ink = () =>
    page
      .locator('#chart canvas')
      .evaluate((canvas) => (canvas as unknown as { toDataURL(): string }).toDataURL());
  const before = await ink();
  await untilTrue(ink, (now) => now !== before);
  await press(page, page.getByRole('button', { name: 'Hold updates' }), 'Space');
  const held = await value();
  const settled = async () => (await fleet.status(1)).accepted;
  const until = (await settled()) + 600;
  await untilTrue(settled, (now) => now > until);
  expect(await value()).toBe(held);
  await press(page, page.getByRole('button', { name: 'Hold updates' }), 'Space');
  await untilTrue(value, (now) => now > held);
  const worker = page.getByRole('group', { name: 'Workers' }).getByRole('row').nth(1);
  // Connection, stream limit, requests in flight, whether it takes jobs.
  expect(await worker.textContent()).toMatch(/default\s*ready\s*1,000\s*\d+\s*yes/);
  await expectSound('overview while it sends');
}, 120_000);

test('paused after a question that tells how many it concerns, and resumed', async () => {
  await press(page, page.getByRole('link', { name: 'Pause default' }), 'Enter');
  await page.getByText(/[\d,]+ recipients wait now/).waitFor();
  await press(page, page.getByRole('button', { name: 'Pause default' }), 'Enter');
  await page.getByText('default is paused by board: ops').waitFor();
  const notice = page.getByRole('status').filter({ hasText: 'paused' });
  await notice.waitFor();
  // The next press of the tabulator goes on from what came of the wish.
  expect(await notice.evaluate((element) => element.matches(':focus'))).toBe(true);
  await expectSound('paused');
  await press(page, page.getByRole('button', { name: 'Resume default' }), 'Space');
  await page.getByRole('link', { name: 'Pause default' }).waitFor();
  expect(await page.getByRole('heading', { name: 'Does not send' }).count()).toBe(0);
}, 120_000);

test('what has the focus keeps it while its section is renewed, and is not lost when it is gone', async () => {
  // So slow that it runs for as long as is looked here.
  await fleet.run(['rate', '50']);
  await insertNotifications(fleet.database, [{ id: 2, groupIds: [1] }]);
  await page.goto(`${board.url}/`);
  const running = page.getByRole('region', { name: 'Running' });
  const scrolled = running.getByRole('group', { name: 'Running' });
  const cancel = running.getByRole('link', { name: 'Cancel 2', exact: true });
  await cancel.waitFor();
  for (const target of [running.getByRole('link', { name: '2', exact: true }), scrolled, cancel]) {
    await goTo(page, target);
    for (let times = 0; times < 2; times++) await renewed('#section-running');
    expect(await target.evaluate((element) => element.matches(':focus'))).toBe(true);
  }
  await cancelWithoutJavaScript('2');
  await cancel.waitFor({ state: 'detached' });
  await expectFocusInLive();
  await fleet.run(['pause']);
  const resume = page.getByRole('button', { name: 'Resume default' });
  await resume.waitFor();
  await goTo(page, resume);
  await fleet.run(['resume']);
  await resume.waitFor({ state: 'detached' });
  await expectFocusInLive();
  await fleet.run(['rate', '200']);
}, 120_000);

async function expectFocusInLive(): Promise<void> {
  const focused = await page.evaluate<boolean>("document.activeElement.matches('#live, #live *')");
  expect(focused).toBe(true);
}

/** Waits until another element stands in the place of this one. */
async function renewed(selector: string): Promise<void> {
  const element = await page.locator(selector).elementHandle();
  await untilTrue(
    () => element!.evaluate((one) => one.isConnected),
    (isThere) => !isThere,
  );
}

/** After a question, by the keyboard alone, in a browser without JavaScript, until it has ended. */
async function cancelWithoutJavaScript(id: string): Promise<void> {
  const plain = await browser.newContext({
    javaScriptEnabled: false,
    storageState: await context.storageState(),
  });
  const still = await plain.newPage();
  await still.goto(`${board.url}/`);
  await press(still, still.getByRole('link', { name: `Cancel ${id}`, exact: true }), 'Enter');
  await still.getByText(/recipients have no outcome yet|not planned yet/).waitFor();
  await press(still, still.getByRole('button', { name: `Cancel notification ${id}` }), 'Enter');
  await still.getByRole('heading', { name: 'Overview' }).waitFor();
  await fleet.ended([id]);
  expect(await fleet.status(id)).toMatchObject({ state: 'cancelled' });
  await plain.close();
}

test('a held notification is released', async () => {
  await fleet.database.query(
    `INSERT INTO notification (id, message, sent, notificationdate) VALUES (3, 'held', 0, ?)`,
    [utcNow()],
  );
  await fleet.database.query(
    'INSERT INTO notification_token_group (notification_id, token_group_id) VALUES (3, 1)',
  );
  await untilTrue(
    () =>
      fleet.database.query(
        "UPDATE pushfleet_dispatch SET state = 'held', held_at = UTC_TIMESTAMP(3), hold_reason = 'too many refusals' WHERE notification_id = 3 AND state = 'sending'",
      ) as unknown as Promise<{ affectedRows: number }>,
    ({ affectedRows }) => affectedRows === 1,
  );
  await page.goto(`${board.url}/`);
  await page.getByText('is held by the brake').waitFor();
  await expectSound('held');
  await press(page, page.getByRole('button', { name: 'Release 3' }), 'Enter');
  await page.getByRole('cell', { name: 'resumeNotification' }).waitFor();
  await untilTrue(
    () => page.getByText('is held by the brake').count(),
    (found) => found === 0,
  );
}, 120_000);

test('a retirement is undone', async () => {
  await fleet.ended([1], 120_000);
  await untilTrue(
    () => fleet.database.query<{ active: number }>('SELECT active FROM token WHERE id = 7'),
    ([token]) => token?.active === 0,
  );
  await page.goto(`${board.url}/`);
  await press(page, page.getByRole('button', { name: 'Switch on again 7' }), 'Space');
  await page
    .getByRole('status')
    .filter({ hasText: /switched on|restored|device/i })
    .waitFor();
  await untilTrue(
    () => fleet.database.query<{ active: number }>('SELECT active FROM token WHERE id = 7'),
    ([token]) => token?.active === 1,
  );
  const reason = page
    .getByRole('region', { name: 'Outcomes by reason' })
    .getByRole('row', { name: 'Unregistered' });
  expect(await reason.getByRole('link', { name: '1', exact: true }).getAttribute('href')).toBe(
    `${BASE}/notifications/1`,
  );
  await expectSound('overview at the end');
}, 180_000);

test('a notification is opened: how far it is, why it failed, and its payload where the settings show it', async () => {
  await page.goto(`${board.url}/`);
  const link = page.getByRole('region', { name: 'Recent' }).getByRole('link', { name: '1', exact: true });
  await press(page, link, 'Enter');
  await page.getByRole('heading', { name: 'Notification 1', exact: true }).waitFor();
  await page.getByText('Unregistered').first().waitFor();
  expect(await page.textContent('main')).not.toContain('message 1');
  await expectSound('notification');
  const open = await startBoardSite(fleet, {
    PUSHFLEET_BOARD_BASE_PATH: BASE,
    PUSHFLEET_BOARD_SHOW_PAYLOAD: 'true',
  });
  const shown = await context.newPage();
  await shown.goto(`${open.url}/notifications/1`);
  await shown.getByText('message 1').first().waitFor();
  await expectSound('notification with its payload', shown);
  await shown.close();
  await open.stop();
  await page.goto(`${board.url}/notifications/4711`);
  await page.getByRole('alert').waitFor();
  await expectSound('no such notification');
}, 120_000);

test('a device is looked up by its token, which stands in no address and in no answer', async () => {
  await page
    .getByRole('link', { name: 'Overview' })
    .or(page.getByRole('link', { name: /overview/ }))
    .first()
    .click();
  await press(page, page.getByRole('link', { name: 'Device', exact: true }), 'Enter');
  await page.getByRole('heading', { name: 'Look a device up' }).waitFor();
  await expectSound('look-up');
  await goTo(page, page.getByRole('textbox'));
  await page.keyboard.type(`<${deviceToken(8).toUpperCase()}>`);
  await page.keyboard.press('Enter');
  await page.getByText('The device token is not active.').waitFor();
  await page
    .getByRole('cell', { name: /Unregistered/ })
    .first()
    .waitFor();
  await expectSound('device');
  expect(page.url()).toBe(`${board.url}/device`);
  expect(await page.content()).not.toMatch(/[0-9a-f]{64}/i);
  await page.getByRole('textbox').fill('not-a-device');
  await page.keyboard.press('Enter');
  await page.getByRole('alert').waitFor();
  await expectSound('no such device');
}, 120_000);

test('pages of errors, and Bull Board', async () => {
  await page.goto(`${board.url}/nothing/here`);
  await page.getByRole('heading', { name: 'There is nothing here' }).waitFor();
  await expectSound('not found');
  await page.goto(`${board.url}/confirm/cancel?about=4711`);
  await page.getByRole('alert').waitFor();
  await fleet.run(['rate', '20']);
  await insertNotifications(fleet.database, [{ id: 4, groupIds: [1] }]);
  await untilTrue(
    () => fleet.status(4),
    ({ state }) => state === 'sending',
  );
  await page.goto(`${board.url}/queues/queue/bulk?status=latest`);
  await page.getByText('notification 4').first().waitFor();
  await expectSound('queue');
  await page.getByText('notification 4').first().click();
  await page.waitForURL(/queue\/bulk\/b-/);
  await page.getByText('notification 4').first().waitFor();
  await expectSound('job');
  await page.goto(`${board.url}/queues/`);
  await page.getByText('bulk').first().waitFor();
  await expectSound('queues');
}, 120_000);

test('a breaker is told with since when and why; the button ends it once APNs is right again', async () => {
  const refusing = 'device * answer 403 InvalidProviderToken';
  fleet.simulator.script(refusing);
  await insertNotifications(fleet.database, [{ id: 5, groupIds: [1] }]);
  await page.goto(`${board.url}/`);
  const told = page.getByRole('listitem').filter({ hasText: 'default is stopped by its breaker' });
  await told.waitFor();
  expect(await told.textContent()).toMatch(
    /since \d{4}-\d\d-\d\d [\d:]{8} UTC: APNs answers InvalidProviderToken to the credential [0-9a-f]+\./,
  );
  await page.getByRole('cell', { name: 'stopped', exact: true }).waitFor();
  await expectSound('stopped');
  fleet.simulator.script('');
  await press(page, page.getByRole('button', { name: 'Resume default' }), 'Enter');
  await page.getByRole('cell', { name: 'sends', exact: true }).waitFor();
  expect(await told.count()).toBe(0);
  await page.getByRole('cell', { name: 'board: ops' }).first().waitFor();
}, 60_000);

test('a forged request changes nothing: another origin, a form without a token, a link', async () => {
  const wishes = () => fleet.database.query<{ n: number }>('SELECT COUNT(*) AS n FROM pushfleet_command');
  const before = await wishes();
  await page.goto(`${board.url}/`);
  const csrf = await page.locator('#act input[name=_csrf]').getAttribute('value');
  const foreign = await context.newPage();
  for (const [origin, said] of [
    // The browser keeps the cookie to itself, so the board leads to the login: there it has the cookie again.
    ['http://evil.example', /Overview/],
    // Another port is of the same site: the cookie comes along, and the token is right. Only its origin tells.
    ['http://127.0.0.1:81', /Changes are taken from the board’s own pages only/],
  ] as const) {
    await foreign.route(`${origin}/forged`, (route) =>
      route.fulfill({
        contentType: 'text/html',
        body: `<form method="post" action="${board.url}/actions/pause"><input name="about" value="default"><input name="_csrf" value="${csrf}"><button>x</button></form>`,
      }),
    );
    await foreign.goto(`${origin}/forged`);
    await foreign.getByRole('button').click();
    await foreign.waitForURL(`${board.url}/**`);
    await foreign.getByText(said).first().waitFor();
    expect(await wishes()).toEqual(before);
  }
  const answers = await page.evaluate(async (base) => {
    const send = (path: string, body: string) =>
      fetch(base + path, {
        method: 'POST',
        body,
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
      }).then(({ status }) => status);
    return [
      await send('/actions/pause', 'about=default'),
      await send('/actions/pause', 'about=default&_csrf=forged'),
      await send('/logout', ''),
      (await fetch(`${base}/actions/pause?about=default`)).status,
    ];
  }, BASE);
  expect(answers).toEqual([403, 403, 403, 404]);
  expect(await wishes()).toEqual(before);
  await foreign.close();
}, 60_000);

test('a session that is used lives on; one that nobody used for a day has ended, says so, and leads back after the login', async () => {
  const next = await context.newPage();
  for (const hours of [13, 26]) {
    const used = await startLater(hours);
    await next.goto(`${used.url}/`);
    await next.getByRole('heading', { name: 'Overview' }).waitFor();
    await used.stop();
  }
  const later = await startLater(51);
  await next.goto(`${later.url}/confirm/pause?about=default`);
  await next.getByText('Your session has ended.').waitFor();
  await expectSound('session ended', next);
  await next.getByLabel('User').fill('ops');
  await next.getByLabel('Password').fill('a long password');
  await next.keyboard.press('Enter');
  await next.getByRole('heading', { name: 'Pause default?' }).waitFor();
  await next.close();
  await later.stop();
  await context.clearCookies();
  await logIn(page, board.url);
  await page.getByRole('heading', { name: 'Overview' }).waitFor();
}, 120_000);

test('who logs out in one tab is told in the other, whose updates stop', async () => {
  await page.locator('#chart canvas').waitFor();
  const other = await context.newPage();
  await other.goto(`${board.url}/`);
  await press(other, other.getByRole('button', { name: 'Log out ops' }), 'Enter');
  await other.getByText('You are logged out.').waitFor();
  await page.getByText('your session has ended').waitFor({ timeout: 90_000 });
  await page.getByRole('link', { name: 'Log in again' }).click();
  await page.getByRole('heading', { name: 'Log in' }).waitFor();
  await other.close();
}, 180_000);

test('no request left the board, nothing was refused by its content security policy, and no answer held a device token', async () => {
  const elsewhere = traffic.requests.filter(
    (url) => !url.startsWith(`${new URL(board.url).origin}/`) && !url.endsWith('/forged'),
  );
  // The board of the day after has a port of its own.
  expect(elsewhere.filter((url) => !/^http:\/\/127\.0\.0\.1:\d+\/ops\/pushfleet\//.test(url))).toEqual([]);
  for (const part of [
    '/assets/board.js',
    '/assets/uplot/',
    '/queues/static/',
    '/queues/api/queues',
    '/events',
  ])
    expect([part, traffic.requests.some((url) => url.includes(part))]).toEqual([part, true]);
  expect(traffic.refused).toEqual([]);
  const bodies = await traffic.bodies();
  expect(bodies.length).toBeGreaterThan(30);
  const known = new Set(range(1, DEVICES).map(deviceToken));
  expect(traffic.requests.filter((url) => /[0-9a-f]{64}/i.test(url))).toEqual([]);
  for (const { url, body } of [...bodies, await firstEvent()]) {
    const found = (body.match(/[0-9a-f]{64}/gi) ?? []).filter((hex) => known.has(hex.toLowerCase()));
    expect([url, found]).toEqual([url, []]);
  }
}, 60_000);

/** What the stream brings first; the browser does not give it out. */
async function firstEvent(): Promise<{ url: string; body: string }> {
  const url = `${board.url}/events`;
  const authorization = `Basic ${Buffer.from(`${BOARD_USER}:${BOARD_PASSWORD}`).toString('base64')}`;
  const answer = await fetch(url, { headers: { authorization, accept: 'text/event-stream' } });
  let body = '';
  for await (const chunk of answer.body!) {
    body += Buffer.from(chunk).toString();
    if (body.includes('data: ') && body.includes('\n\n')) break;
  }
  expect(body).toContain('section-running');
  return { url, body };
}
