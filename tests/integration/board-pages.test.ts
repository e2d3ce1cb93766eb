import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { insertGroup, insertNotifications, utcNow } from '../harness/backend-rows.ts';
import { boardAccount } from '../harness/board-account.ts';
import { type BoardProcess, startBoardProcess } from '../harness/board-process.ts';
import { type CommandLine, openCommandLine } from '../harness/command-line.ts';
import { deviceTokenOf, planNotification, REQUEST, tellOutcomes } from '../harness/planned-notification.ts';

/**
 * The page of a notification and the look-up of a device, with the account of deploy/grants/board.sql; on the board
 * that only reads, with that of board-read.sql.
 */
const AUTHORIZATION = `Basic ${btoa('ops:a long password')}`;
const HOSTILE = '<script>alert("x")</script> & "more"';
const user = `b${randomBytes(3).toString('hex')}`;
const reader = `r${randomBytes(3).toString('hex')}`;
let commands: CommandLine;
let account: string;
let board: BoardProcess;
let hidden: BoardProcess;
const running: BoardProcess[] = [];

beforeAll(async () => {
  commands = await openCommandLine();
  const { database } = commands;
  account = await boardAccount(database, user);
  const dispatchId = await planNotification(commands, 11);
  await tellOutcomes(commands, dispatchId);
  await insertGroup(database, 7, [1, 2]);
  await insertNotifications(database, [
    { id: 12, message: HOSTILE, due: '2039-01-01 09:30:00', groupIds: [7], tokenIds: [3] },
    { id: 13, due: '2039-01-02 09:30:00', tokenIds: [4] },
    {
      id: 14,
      message: `Your ids: [a] and the rest; ${deviceTokenOf(9)}`,
      due: '2039-01-03 09:30:00',
      tokenIds: [5],
      options: { collapseId: 'order of Grete' },
    },
  ]);
  await database.query(
    `INSERT INTO pushfleet_app (app, topic, environment, updated_at) VALUES ('shop', 'com.example.shop', 'sandbox', ?)`,
    [utcNow()],
  );
  await database.query(
    `INSERT INTO pushfleet_retirement (dispatch_id, token_id, device_token, app, reason, state, created_at, applied_at)
     VALUES (?, '5', 'digest', 'shop', 'Unregistered', 'applied', ?, ?)`,
    [dispatchId, utcNow(), utcNow()],
  );
  await database.query('UPDATE token SET active = 0 WHERE id = 5');
  board = await open({
    PUSHFLEET_BOARD_WRITABLE: 'true',
    PUSHFLEET_BOARD_BASE_PATH: '/push/',
    PUSHFLEET_BOARD_SHOW_PAYLOAD: 'true',
  });
  hidden = await open({
    PUSHFLEET_BOARD_SHOW_PAYLOAD: 'false',
    PUSHFLEET_MYSQL_URL: await boardAccount(database, reader, 'board-read.sql'),
  });
}, 180_000);

afterAll(async () => {
  await Promise.all(running.map((one) => one.stop()));
  await commands?.database.query(`DROP USER IF EXISTS '${user}'@'%', '${reader}'@'%'`);
  await commands?.close();
}, 180_000);

async function open(settings: Readonly<Record<string, string>>): Promise<BoardProcess> {
  const started = await startBoardProcess({
    PUSHFLEET_REDIS_URL: process.env.PUSHFLEET_TEST_REDIS_URL!,
    PUSHFLEET_REDIS_PREFIX: `pages-${user}`,
    PUSHFLEET_MYSQL_URL: account,
    PUSHFLEET_BOARD_USER: 'ops',
    PUSHFLEET_BOARD_PASSWORD: 'a long password',
    ...settings,
  });
  running.push(started);
  return started;
}

/** As a script with the login, unless the headers ask for a page as a browser does. */
async function ask(on: BoardProcess, path: string, init: RequestInit = {}) {
  const answer = await fetch(`${on.url.replace(/\/$/, '')}${path}`, {
    redirect: 'manual',
    ...init,
    headers:
      init.headers !== undefined && 'accept' in init.headers
        ? init.headers
        : { authorization: AUTHORIZATION, ...init.headers },
  });
  return { status: answer.status, headers: answer.headers, body: await answer.text() };
}

const BROWSER = { 'sec-fetch-site': 'same-origin' };

function lookUp(device: string, headers: Record<string, string> = {}, csrf = '') {
  return ask(board, '/device', {
    method: 'POST',
    headers,
    body: new URLSearchParams({ device, _csrf: csrf }),
  });
}

test('the page of a notification has audience, times, request, outcomes with their meaning, and batches', async () => {
  const { status, headers, body } = await ask(board, '/notifications/11');
  expect(status).toBe(200);
  expect(headers.get('cache-control')).toBe('no-store');
  expect(headers.get('content-security-policy')).not.toContain('unsafe');
  expect(body).not.toMatch(/<style|style="|<script(?! type="module" src=)/);
  expect(body).toContain('<h1>Notification 11</h1>');
  expect(body).toContain('aria-label="settled of notification 11"');
  for (const words of ['2 accepted', 'Twins (the same device token), left out', '<dd>8</dd>', '>sending<'])
    expect(body).toContain(words);
  for (const [name, value] of [
    ['apns-topic', REQUEST.topic],
    ['apns-push-type', 'alert'],
    ['apns-priority', '10'],
    ['apns-expiration', String(Date.UTC(2030, 0, 1) / 1_000)],
  ])
    expect(body).toContain(`<dt>${name}</dt><dd><code>${value}</code>`);
  expect(body).toContain(REQUEST.payload.replaceAll('"', '&#34;'));
  expect(body).toContain('Lock screen, light');
  expect(body).toContain('Lock screen, dark');
  expect(body).toContain('the app was removed, or has a new one');
  expect(body).toContain('href="/push/notifications/11/cancel"');
  expect(body).toContain('Headers</h3>');
});

test('what a backend writes is text on the page, never markup; a push that is not claimed is shown as it would be built', async () => {
  const { status, body } = await ask(board, '/notifications/12');
  expect(status).toBe(200);
  expect(body).toContain('&#60;script&#62;alert');
  expect(body).not.toContain('<script>alert');
  expect(body).toContain('Not claimed yet');
  expect(body).toContain('09:30 UTC');
  expect(body).toContain('<dt>Ids of the groups</dt><dd>7</dd>');
  expect(body).toContain('<dt>Memberships of groups now</dt><dd>2</dd>');
});

test('PUSHFLEET_BOARD_SHOW_PAYLOAD=false hides preview, payload and collapse id, and keeps the other headers', async () => {
  for (const id of [11, 12]) {
    const { status, body } = await ask(hidden, `/notifications/${id}`);
    expect(status).toBe(200);
    expect(body).not.toMatch(/Grüße|alert\(|Lock screen, light/);
    expect(body).toContain('PUSHFLEET_BOARD_SHOW_PAYLOAD');
    expect(body).toContain('com.example.shop');
  }
  const { body } = await ask(hidden, '/notifications/14');
  expect(body).toContain('<dt>apns-collapse-id</dt>');
  expect(body).not.toContain('Grete');
});

test('a payload is shown as it is sent, but for what may be a device token, of which the page tells', async () => {
  const { body } = await ask(board, '/notifications/14');
  expect(body).toContain('<dt>apns-collapse-id</dt><dd><code>order of Grete</code>');
  expect(body).toContain('Your ids: [a] and the rest; [hidden]');
  expect(body).toContain('stands for 64 or more hex digits');
  expect((await ask(board, '/notifications/11')).body).not.toContain('stands for 64');
});

test('a read-only board has no buttons and refuses the wish; a writable one asks before it leaves a command', async () => {
  expect((await ask(hidden, '/notifications/11')).body).not.toContain('/notifications/11/cancel');
  expect((await ask(hidden, '/notifications/11/cancel')).status).toBe(403);
  expect((await ask(hidden, '/notifications/11/cancel', { method: 'POST' })).status).toBe(403);
  const overview = await ask(hidden, '/');
  expect(overview.body).toContain('href="/notifications/11"');
  expect(overview.body).not.toMatch(/\/(confirm|actions)\//);
  for (const [verb, about] of [
    ['pause', 'shop'],
    ['resume', 'shop'],
    ['cancel', '11'],
    ['resumeNotification', '11'],
    ['restoreDevices', '5'],
  ]) {
    const body = new URLSearchParams({ about: about! });
    const wish = await ask(hidden, `/actions/${verb}`, { method: 'POST', body });
    expect([verb, wish.status, wish.body]).toEqual([verb, 403, expect.stringContaining('read-only')]);
    expect((await ask(hidden, `/confirm/${verb}?about=${about}`)).status).toBe(403);
  }
  const page = await ask(board, '/notifications/11/cancel');
  expect(page.body).toContain('formaction="/push/notifications/11/cancel"');
  expect((await ask(board, '/notifications/11/release')).status).toBe(409);
  const forged = await ask(board, '/notifications/11/cancel', { method: 'POST', headers: BROWSER });
  expect(forged.status).toBe(403);
  expect(await commands.database.query('SELECT id FROM pushfleet_command')).toEqual([]);
  const asked = await ask(board, '/notifications/11/cancel', { method: 'POST' });
  expect([asked.status, asked.headers.get('location')]).toEqual([303, '/push/notifications/11']);
  expect(await commands.database.query('SELECT verb, requested_by AS who FROM pushfleet_command')).toEqual([
    { verb: 'cancel', who: 'board: ops' },
  ]);
  expect((await ask(board, '/notifications/11')).body).toContain('not carried out yet');
}, 180_000);

test('a device is looked up by POST, by its device token and by its row, and no answer, address or log holds it', async () => {
  const form = await ask(board, '/device');
  const csrf = /name="_csrf" value="([^"]+)"/.exec(form.body)![1]!;
  const cookie = form.headers.get('set-cookie')!.split(';')[0]!;
  const byToken = await lookUp(deviceTokenOf(5), { ...BROWSER, cookie }, csrf);
  expect([byToken.status, byToken.headers.get('cache-control')]).toEqual([200, 'no-store']);
  expect(byToken.body).toContain('not active');
  expect(byToken.body).toContain('Unregistered');
  expect(byToken.body).toContain('formaction="/push/actions/restoreDevices"');
  expect(byToken.body).toContain('href="/push/notifications/11"');
  const byRow = await lookUp('1');
  expect(byRow.body).toContain('href="/push/notifications/12"');
  expect(byRow.body).not.toContain('href="/push/notifications/13"');
  expect((await lookUp('3')).body).toContain('href="/push/notifications/12"');
  const answers = [
    byToken,
    byRow,
    await lookUp('no device'),
    await lookUp('99'),
    await lookUp('f'.repeat(64)),
  ];
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 400, 404, 404]);
  for (const path of ['/', '/notifications/11', '/notifications/12', '/device'])
    answers.push(await ask(board, path));
  for (const { body, headers } of answers) {
    expect(`${body}${headers.get('location')}`).not.toMatch(/a{40}|f{40}/i);
  }
  expect(board.output()).not.toMatch(/a{40}|f{40}/i);
});

test('the account of a board that only reads can ask for nothing, and all of its pages are there', async () => {
  const grants = await commands.database.query(`SHOW GRANTS FOR '${reader}'@'%'`);
  expect(JSON.stringify(grants)).toMatch(/SELECT/);
  expect(JSON.stringify(grants)).not.toMatch(/INSERT|UPDATE|DELETE|ALL PRIVILEGES/);
  for (const path of ['/', '/notifications/11', '/notifications/12'])
    expect([path, (await ask(hidden, path)).status]).toEqual([path, 200]);
  const looked = await ask(hidden, '/device', { method: 'POST', body: new URLSearchParams({ device: '5' }) });
  expect([looked.status, looked.body]).toEqual([200, expect.stringContaining('not active')]);
});

test('a look-up without the token of its form is refused', async () => {
  const forged = await lookUp(deviceTokenOf(5), BROWSER, 'forged');
  expect(forged.status).toBe(403);
  expect(forged.body).not.toMatch(/a{40}|Unregistered/);
  expect((await lookUp(deviceTokenOf(5), { 'sec-fetch-site': 'cross-site' })).status).toBe(403);
});

test('batches come by fifty, from any number on, however many there are', async () => {
  const { database } = commands;
  await database.query(
    `INSERT INTO pushfleet_batch (dispatch_id, seq, app, lane, state, size, nonce, recipients, first_id, last_id)
     SELECT dispatch_id, n.seq, app, lane, 'planned', size, nonce, '', first_id, last_id
       FROM pushfleet_batch JOIN (WITH RECURSIVE n AS (SELECT 1 AS seq UNION ALL SELECT seq + 1 FROM n WHERE seq < 900) SELECT seq FROM n) n
      WHERE pushfleet_batch.seq = 0`,
  );
  const rows = (body: string) =>
    body.match(/<td data-name="batch">\d+/g)!.map((cell) => Number(/\d+$/.exec(cell)![0]));
  const first = await ask(board, '/notifications/11');
  expect(rows(first.body)).toEqual(Array.from({ length: 50 }, (_, seq) => seq));
  expect(first.body).toContain('?from=50#batches');
  expect(first.body).toContain('900 planned');
  const last = await ask(board, '/notifications/11?from=880');
  expect(rows(last.body)).toEqual(Array.from({ length: 21 }, (_, at) => 880 + at));
  expect(last.body).not.toContain('Later batches');
  expect((await ask(board, '/notifications/11?from=-1%27')).status).toBe(200);
});

test('an unknown notification is 404, a MySQL that is away 503, as pages of the board', async () => {
  const accept = { accept: 'text/html' };
  const form = await ask(board, '/login', { headers: accept });
  const csrf = /name="_csrf" value="([^"]+)"/.exec(form.body)![1]!;
  const entered = await ask(board, '/login', {
    method: 'POST',
    headers: { ...accept, ...BROWSER, cookie: form.headers.get('set-cookie')!.split(';')[0]! },
    body: new URLSearchParams({ user: 'ops', password: 'a long password', next: '/', _csrf: csrf }),
  });
  const cookie = entered.headers.get('set-cookie')!.split(';')[0]!;
  for (const id of ['999', 'push-999', 'no%20id', 'x'.repeat(80)]) {
    const { status, body } = await ask(board, `/notifications/${id}`, { headers: { ...accept, cookie } });
    expect([id, status]).toEqual([id, 404]);
    expect(body).toContain('There is no notification with this id');
  }
  const away = new URL(account);
  away.port = '1';
  const lost = await open({ PUSHFLEET_MYSQL_URL: away.href });
  for (const path of ['/', '/notifications/11']) {
    expect((await ask(lost, path)).status).toBe(503);
    const { status, body } = await ask(lost, path, { headers: { ...accept, cookie } });
    expect(status).toBe(503);
    expect(body).toContain('<h1>MySQL is away</h1>');
    expect(body).toContain('pushfleet doctor');
    expect(body).not.toContain('only-for-tests');
  }
  expect((await ask(lost, '/device')).status).toBe(200);
}, 180_000);
