import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { type AddressInfo, connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { openQueue } from '@pushfleet/shared/queue/lane-queue';
import { Redis } from 'ioredis';
import { type BoardJobs, putBoardJobs } from '../harness/board-jobs.ts';
import { type BoardProcess, startBoardProcess } from '../harness/board-process.ts';
import { untilTrue } from '../harness/wait.ts';

const REDIS_URL = process.env.PUSHFLEET_TEST_REDIS_URL!;
const LOGIN = { PUSHFLEET_BOARD_USER: 'ops', PUSHFLEET_BOARD_PASSWORD: 'pass:wörd' };
const AUTHORIZATION = `Basic ${Buffer.from('ops:pass:wörd').toString('base64')}`;

const prefix = `board-${randomBytes(4).toString('hex')}`;
const directory = mkdtempSync(join(tmpdir(), 'pushfleet-board-'));
const running: BoardProcess[] = [];
let redis: Redis;
let jobs: BoardJobs;

beforeAll(async () => {
  redis = new Redis(REDIS_URL, { maxRetriesPerRequest: null });
  jobs = await putBoardJobs(redis, prefix, 'default');
});

afterEach(async () => {
  await Promise.all(running.splice(0).map((board) => board.stop()));
});

afterAll(async () => {
  for await (const keys of redis.scanStream({ match: `{${prefix}-*`, count: 500 })) {
    if (keys.length > 0) await redis.del(...keys);
  }
  redis.disconnect();
  rmSync(directory, { recursive: true });
});

async function open(settings: Readonly<Record<string, string>> = {}): Promise<BoardProcess> {
  const board = await startBoardProcess({
    PUSHFLEET_REDIS_URL: REDIS_URL,
    PUSHFLEET_REDIS_PREFIX: prefix,
    ...LOGIN,
    ...settings,
  });
  running.push(board);
  return board;
}

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

interface Ask {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

/** With the login, unless the headers say otherwise. */
function ask(
  board: BoardProcess,
  path: string,
  { method = 'GET', headers = {}, body }: Ask = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const all = { authorization: AUTHORIZATION, 'content-type': 'application/json', ...headers };
    const sent = request(new URL(path, board.url), { method, headers: all }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        text += chunk;
      });
      response.on('end', () =>
        resolve({ status: response.statusCode!, headers: response.headers, body: text }),
      );
    });
    sent.on('error', reject);
    sent.end(method === 'GET' ? undefined : JSON.stringify(body ?? {}));
  });
}

/** The scripts and styles that the page loads, as paths. */
function filesOf(page: string): string[] {
  const base = /<base href="([^"]+)"/.exec(page)![1]!;
  return [...page.matchAll(/(?:src|href)="(static\/[^"]+)"/g)].map(([, path]) => base + path);
}

function readRoutes(): string[] {
  const queues = ['urgent', 'bulk', 'results'];
  const states = ['latest', 'active', 'waiting', 'delayed', 'failed', 'completed'];
  return [
    ...queues.flatMap((name) =>
      states.map((state) => `/queues/api/queues?activeQueue=${name}&status=${state}&page=1&jobsPerPage=20`),
    ),
    ...[
      ['bulk', jobs.failedId],
      ['bulk', jobs.delayedId],
      ['urgent', jobs.waitingId],
    ].flatMap(([name, id]) =>
      ['', '/logs', '/flow'].map((what) => `/queues/api/queues/${name}/${id}${what}`),
    ),
    ...['metrics', 'default-job-options', 'workers', 'rate-limit', 'job-data-schema'].map(
      (what) => `/queues/api/queues/bulk/${what}`,
    ),
    '/queues/api/job-schedulers',
    '/queues/api/redis/stats',
    '/queues/',
    `/queues/queue/bulk/${jobs.failedId}`,
  ];
}

/** Every spelling of every device token, the stored audience, the payload. */
function secrets(): string[] {
  return [
    ...jobs.deviceTokens.flatMap((hex) => [
      hex,
      hex.slice(8, 40),
      Buffer.from(hex, 'hex').toString('base64').slice(0, 40),
    ]),
    ...jobs.packed.map((text) => text.slice(0, 60)),
    jobs.payloadWords,
  ];
}

function expectNoSecret(answer: string, known: readonly string[]): void {
  const plain = answer.toLowerCase().replace(/[\s<>]/g, '');
  for (const secret of known) {
    expect(answer).not.toContain(secret);
    if (/^[0-9a-f]+$/.test(secret)) expect(plain).not.toContain(secret);
  }
}

test('without the login nothing is answered: no page, no file, no data; only the health check', async () => {
  const board = await open();
  const page = await ask(board, '/queues/');
  expect(page.status).toBe(200);
  const files = filesOf(page.body);
  expect(files.length).toBeGreaterThan(3);
  for (const path of [...files, ...readRoutes(), '/', '/queues', '/nothing/here']) {
    // Ten wrong passwords are all that an address has in a minute.
    const wrong = ['/', files[0], '/queues/', '/nothing/here'].includes(path);
    for (const headers of [
      { authorization: '' },
      ...(wrong ? [{ authorization: `Basic ${btoa('ops:wrong')}` }] : []),
    ]) {
      const answer = await ask(board, path, { headers });
      expect([path, answer.status]).toEqual([path, 401]);
      expect(answer.headers['www-authenticate']).toMatch(/^Basic realm="Pushfleet"/);
      expect(answer.headers.location).toBeUndefined();
      expect(answer.body.length).toBeLessThan(200);
    }
  }
  for (const path of files) expect([path, (await ask(board, path)).status]).toEqual([path, 200]);
  expect((await ask(board, '/nothing/here')).status).toBe(404);
  expect(await ask(board, '/health/live', { headers: { authorization: '' } })).toMatchObject({ status: 200 });
});

test('a job reads well: which notification and batch, how its recipients stand, what went wrong', async () => {
  const board = await open();
  const failed = JSON.parse((await ask(board, `/queues/api/queues/bulk/${jobs.failedId}`)).body);
  expect(failed).toMatchObject({
    status: 'failed',
    job: {
      name: 'notification 42 · batch 3 of 20',
      progress: 75,
      data: {
        notification: '42',
        batch: '3 of 20',
        generation: 1,
        recipients: { 'in all': 8, waiting: 0, accepted: 5, failed: 2, refused: 1 },
        'what went wrong': { '503 ServiceUnavailable': 2, '410 Unregistered': 1 },
        app: 'default',
        lane: 'bulk',
        topic: 'com.example.shop',
      },
    },
  });
  const list = await ask(board, '/queues/api/queues?activeQueue=bulk&status=delayed&page=1&jobsPerPage=10');
  const queues = JSON.parse(list.body).queues as { name: string; jobs: unknown[] }[];
  expect(queues.map(({ name }) => name).sort()).toEqual(['bulk', 'results', 'urgent']);
  expect(queues.find(({ name }) => name === 'bulk')!.jobs).toMatchObject([
    { data: { notification: '43', recipients: { waiting: 50, accepted: 450 } } },
  ]);
});

test('no answer of any route holds a device token, the audience or the payload', async () => {
  const board = await open({ PUSHFLEET_BOARD_WRITABLE: 'true' });
  const known = secrets();
  for (const path of readRoutes()) {
    const answer = await ask(board, path);
    expect([path, answer.status < 500]).toEqual([path, true]);
    expectNoSecret(answer.body, known);
  }
  const logs = await ask(board, `/queues/api/queues/bulk/${jobs.failedId}/logs`);
  expect(JSON.parse(logs.body)).toEqual(['sent to <[hidden]> and [hidden]']);
  const stats = await ask(board, '/queues/api/redis/stats');
  expect(stats.status).toBe(403);
  const added = await ask(board, '/queues/api/queues/bulk/add', {
    method: 'POST',
    body: { name: 'x', data: { tokens: jobs.packed[0] }, options: {} },
  });
  expectNoSecret(added.body, known);
});

test('the payload is shown where the settings say so, the audience still is not', async () => {
  const board = await open({ PUSHFLEET_BOARD_SHOW_PAYLOAD: 'true' });
  const { body } = await ask(board, `/queues/api/queues/urgent/${jobs.waitingId}`);
  expect(body).toContain(jobs.payloadWords);
  expectNoSecret(
    body,
    secrets().filter((secret) => secret !== jobs.payloadWords),
  );
});

const CHANGES: readonly (readonly [string, string, unknown])[] = [
  ['POST', '/queues/api/queues/bulk/add', { name: 'x', data: {}, options: {} }],
  ['PATCH', '/queues/api/queues/bulk/JOB/update-data', { jobData: {} }],
  ['PUT', '/queues/api/queues/bulk/JOB/promote', {}],
  ['PUT', '/queues/api/queues/bulk/promote', {}],
  ['PATCH', '/queues/api/queues/bulk/JOB/delay', { runAt: 1 }],
  ['PATCH', '/queues/api/queues/bulk/JOB/priority', { priority: 1 }],
  ['PUT', '/queues/api/queues/bulk/JOB/clean', {}],
  ['PUT', '/queues/api/queues/bulk/clean/failed', {}],
  ['PUT', '/queues/api/queues/bulk/empty', {}],
  ['PUT', '/queues/api/queues/bulk/obliterate', { force: true }],
  ['PUT', '/queues/api/queues/bulk/pause', {}],
  ['PUT', '/queues/api/queues/pause', {}],
  ['PUT', '/queues/api/queues/resume', {}],
  ['PUT', '/queues/api/queues/bulk/concurrency', { concurrency: 1 }],
  ['PUT', '/queues/api/queues/bulk/rate-limit', { max: 1, duration: 1 }],
];

/** All that the queues hold, to see that nothing was changed. */
async function snapshot(): Promise<string> {
  const found: string[] = [];
  for await (const keys of redis.scanStream({ match: `{${prefix}-*`, count: 500 })) found.push(...keys);
  const dumps = found
    .sort()
    .map(async (key) => `${key} ${(await redis.dumpBuffer(key))?.toString('base64')}`);
  return (await Promise.all([...new Set(dumps)])).join('\n');
}

test.each(['false', 'true'])(
  'changes beside the books are refused with a sentence (writable: %s)',
  async (writable) => {
    const board = await open({ PUSHFLEET_BOARD_WRITABLE: writable });
    const before = await snapshot();
    for (const [method, path, body] of CHANGES) {
      const answer = await ask(board, path.replace('JOB', jobs.delayedId), { method, body });
      expect([path, answer.status]).toEqual([path, 405]);
      expect(JSON.parse(answer.body).message).toMatch(/\.$/);
    }
    expect(await snapshot()).toBe(before);
  },
);

test('a read-only board retries nothing', async () => {
  const board = await open();
  const before = await snapshot();
  for (const path of [`bulk/${jobs.failedId}/retry`, 'bulk/retry/failed']) {
    expect((await ask(board, `/queues/api/queues/${path}`, { method: 'PUT' })).status).toBe(405);
  }
  expect(await snapshot()).toBe(before);
});

test('a retry from another site is refused, and one from the board’s page runs the job again as it was', async () => {
  const board = await open({ PUSHFLEET_BOARD_WRITABLE: 'true' });
  const bulk = openQueue(redis, prefix, 'default', 'bulk');
  const path = `/queues/api/queues/bulk/${jobs.failedId}/retry`;
  const stored = await redis.hmget(bulk.toKey(jobs.failedId), 'data', 'ck');
  const foreign: Readonly<Record<string, string>>[] = [
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'same-site', origin: new URL(board.url).origin },
    { origin: 'https://evil.example' },
    { origin: 'null' },
  ];
  for (const headers of foreign) {
    const answer = await ask(board, path, { method: 'PUT', headers });
    expect([headers, answer.status]).toEqual([headers, 403]);
  }
  expect(await (await bulk.getJob(jobs.failedId))!.getState()).toBe('failed');

  const own = { 'sec-fetch-site': 'same-origin', origin: new URL(board.url).origin };
  expect((await ask(board, path, { method: 'PUT', headers: own })).status).toBe(204);
  expect(await (await bulk.getJob(jobs.failedId))!.getState()).toBe('waiting');
  expect(await redis.hmget(bulk.toKey(jobs.failedId), 'data', 'ck')).toEqual(stored);
});

test('pages come with headers that keep them to themselves, and ask no other address', async () => {
  const board = await open();
  const page = await ask(board, '/queues/');
  expect(page.headers).toMatchObject({
    'content-security-policy': expect.stringContaining("script-src 'self'"),
    'x-frame-options': 'DENY',
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'same-origin',
    'cache-control': 'no-store',
  });
  expect(page.headers['content-security-policy']).not.toMatch(/https?:/);
  expect(page.body).not.toMatch(/(src|href)="https?:/);
});

test.each(['/ops', '/ops/'])(
  'behind a proxy at %s, whether it passes the path on or cuts it off',
  async (base) => {
    const board = await open({ PUSHFLEET_BOARD_BASE_PATH: base });
    for (const home of ['/', '/ops', '/ops/']) {
      const page = await ask(board, home);
      expect([page.status, page.body]).toEqual([200, expect.stringContaining('href="/ops/queues/"')]);
    }
    for (const path of ['/ops/queues/', '/queues/']) {
      const page = await ask(board, path);
      expect(page.body).toContain('<base href="/ops/queues/"');
    }
    const [file] = filesOf((await ask(board, '/ops/queues/')).body);
    expect((await ask(board, file!)).status).toBe(200);
    expect((await ask(board, file!.replace('/ops', ''))).status).toBe(200);
    expect((await ask(board, file!, { headers: { authorization: '' } })).status).toBe(401);
    expect((await ask(board, '/opsqueues/')).status).toBe(404);
  },
);

test.each([
  ['an address that cannot be decoded', '/%zz', 404],
  ['one below the queues', '/queues/%E0%A4%A', 404],
  ['an id that is longer than any', `/notifications/${'1'.repeat(2_000)}`, 404],
  ['a file outside of those of the board', '/assets/..%2fboard.js', 404],
  ['an address with two slashes', '/assets//board.js', 404],
  ['a queue whose name cannot be decoded twice', '/queues/api/queues?activeQueue=%25', 400],
])(
  '%s is no fault of the board: it is answered like every other, and not repeated',
  async (_what, path, status) => {
    const board = await open();
    const answer = await ask(board, path);
    expect([answer.status, answer.body]).toEqual([status, expect.not.stringContaining(path.slice(0, 60))]);
    expect(answer.headers).toMatchObject({
      'content-security-policy': expect.stringContaining("default-src 'none'"),
      'x-content-type-options': 'nosniff',
      'cache-control': 'no-store',
    });
    expect((await ask(board, path, { headers: { authorization: '' } })).body.length).toBeLessThan(200);
    expect(board.output()).not.toContain('board.failed');
  },
);

test('queues of several apps stand side by side', async () => {
  const path = join(directory, 'apps.json');
  writeFileSync(path, JSON.stringify({ apps: [{ name: 'default' }, { name: 'news' }] }));
  const board = await open({ PUSHFLEET_APPS_FILE: path });
  const { queues } = JSON.parse((await ask(board, '/queues/api/queues')).body);
  const waiting = Object.fromEntries(
    (queues as { name: string; counts: { waiting: number } }[]).map(({ name, counts }) => [
      name,
      counts.waiting,
    ]),
  );
  expect(waiting).toMatchObject({ 'default:urgent': 1, 'news:urgent': 0, 'news:bulk': 0, 'news:results': 0 });
  expect(Object.keys(waiting)).toHaveLength(6);
});

test('a board that others can reach does not start without a login', async () => {
  const start = open({
    PUSHFLEET_BOARD_HOST: '0.0.0.0',
    PUSHFLEET_BOARD_USER: '',
    PUSHFLEET_BOARD_PASSWORD: '',
  });
  await expect(start).rejects.toMatchObject({
    exitCode: 2,
    said: expect.stringContaining('PUSHFLEET_BOARD_PASSWORD is missing'),
  });
});

test('at loopback without a login it answers to this machine’s names only, and to no proxy', async () => {
  const board = await open({ PUSHFLEET_BOARD_USER: '', PUSHFLEET_BOARD_PASSWORD: '' });
  expect((await ask(board, '/queues/', { headers: { authorization: '' } })).status).toBe(200);
  expect((await ask(board, '/queues/', { headers: { host: 'rebound.example' } })).status).toBe(403);
  for (const header of ['x-forwarded-for', 'forwarded'])
    expect((await ask(board, '/queues/', { headers: { [header]: '198.51.100.7' } })).status).toBe(403);
});

test('it leaves what BullMQ keeps of a queue as it is, and stops in order', async () => {
  const meta = () => redis.hgetall(`{${prefix}-default}:bulk:meta`);
  const before = await meta();
  const board = await open();
  await ask(board, '/queues/api/queues');
  expect(await meta()).toEqual(before);
  expect(await redis.keys(`{${prefix}-news}*`)).toEqual([]);
  expect(await board.stop()).toBe(0);
});

test('while Redis is away it says so without saying where', async () => {
  const board = await open({ PUSHFLEET_REDIS_URL: 'redis://127.0.0.1:1' });
  const answer = await ask(board, '/queues/api/queues');
  expect(answer.status).toBe(500);
  expect(answer.body).toContain('is Redis reachable?');
  expect(answer.body).not.toContain('127.0.0.1');
  expect((await ask(board, '/health/live')).status).toBe(200);
});

test('of attempts that come all at once on one connection no more than ten are told, and the right one among them is not', async () => {
  const board = await open();
  const passwords = Array.from({ length: 300 }, (_, at) => (at === 200 ? 'pass:wörd' : `guess ${at}`));
  const statuses = await atOnce(
    board,
    passwords.map((password) => `Authorization: Basic ${Buffer.from(`ops:${password}`).toString('base64')}`),
  );
  expect(statuses).toHaveLength(300);
  expect(statuses.filter((status) => status !== 429 && status !== 401)).toEqual([]);
  expect(statuses.filter((status) => status === 401).length).toBeLessThanOrEqual(10);
  await untilTrue(board.output, (said) =>
    said.includes('"board.loginRefused","address":"127.0.0.1","closed":true'),
  );
});

test('the right login is not counted, however often it comes', async () => {
  const board = await open();
  const statuses = await atOnce(
    board,
    Array.from({ length: 50 }, () => `Authorization: ${AUTHORIZATION}`),
  );
  expect(statuses).toEqual(Array(50).fill(200));
});

/** Statuses of requests that are all sent before the first answer is read, on one connection. */
function atOnce(board: BoardProcess, headers: readonly string[]): Promise<number[]> {
  return new Promise((resolve, reject) => {
    const socket = connect(Number(new URL(board.url).port), '127.0.0.1');
    const last = headers.length - 1;
    let text = '';
    socket.on('error', reject);
    socket.on('data', (chunk) => {
      text += chunk;
    });
    socket.on('close', () =>
      resolve([...text.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => Number(status))),
    );
    socket.write(
      headers
        .map(
          (header, at) =>
            `GET /session HTTP/1.1\r\nHost: x\r\n${header}\r\n${at === last ? 'Connection: close\r\n' : ''}\r\n`,
        )
        .join(''),
    );
  });
}

test('what somebody gets before the login is not made of the password: the form of one board is taken by another', async () => {
  const [board, other] = [await open(), await open({ PUSHFLEET_BOARD_PASSWORD: 'another one' })];
  const browser = { authorization: '', accept: 'text/html' };
  for (const path of ['/', '/session', '/queues/', '/nothing/here', '/assets/board.css'])
    expect([path, (await ask(board, path, { headers: browser })).headers['set-cookie']]).toEqual([
      path,
      undefined,
    ]);
  const form = await ask(board, '/login', { headers: browser });
  const cookies = form.headers['set-cookie']!;
  expect(cookies).toHaveLength(1);
  const body = { user: 'ops', password: 'wrong', _csrf: /name="_csrf" value="([^"]+)"/.exec(form.body)![1]! };
  const headers = { ...browser, cookie: cookies[0]!.split(';')[0]! };
  // 403 would say that it does not know the form.
  expect((await ask(other, '/login', { method: 'POST', headers, body })).status).toBe(401);
  const entered = await ask(other, '/login', {
    method: 'POST',
    headers,
    body: { ...body, password: 'another one' },
  });
  expect([entered.status, entered.headers['set-cookie']]).toEqual([
    303,
    [expect.stringMatching(/^pushfleet_board.*HttpOnly.*SameSite=Lax/)],
  ]);
});

test('a login that is no form is told so, and is not taken for one attempt too many', async () => {
  const board = await open();
  const form = await ask(board, '/login', { headers: { authorization: '', accept: 'text/html' } });
  const headers = {
    authorization: '',
    cookie: form.headers['set-cookie']![0]!.split(';')[0]!,
    'csrf-token': /name="_csrf" value="([^"]+)"/.exec(form.body)![1]!,
  };
  const send = (body: unknown) => ask(board, '/login', { method: 'POST', headers, body });
  for (const body of ['a string', 7, [], { user: {}, password: null }])
    expect([body, (await send(body)).status]).toEqual([body, 400]);
  expect((await send({ user: 5, password: 'x' })).body).toContain('User or password is wrong.');
  expect((await send({})).status).toBe(401);
  expect(board.output()).not.toContain('board.failed');
});

test('boards at other ports of one host have cookies of other names: a login at one ends none at another', async () => {
  const names = [];
  for (const PUSHFLEET_BOARD_PORT of [await freePort(), await freePort()].map(String)) {
    const board = await open({ PUSHFLEET_BOARD_PORT });
    for (const path of ['/', '/login'])
      names.push(
        (await ask(board, path, { headers: loginFor(path) })).headers['set-cookie']![0]!.split('=')[0],
      );
  }
  expect(new Set(names).size).toBe(4);
});

function freePort(): Promise<number> {
  const server = createServer();
  return new Promise((resolve) =>
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    }),
  );
}

/** The session's cookie comes with a page, the form's without the login. */
function loginFor(path: string): Record<string, string> {
  return path === '/login' ? { authorization: '', accept: 'text/html' } : {};
}

test('who logs in by https has a cookie that is sent by https alone, whatever the proxy in between tells', async () => {
  const board = await open();
  const form = await ask(board, '/login', { headers: { authorization: '', accept: 'text/html' } });
  const enter = async (origin: string) => {
    const headers = {
      authorization: '',
      accept: 'text/html',
      host: 'board.example',
      origin,
      cookie: form.headers['set-cookie']![0]!.split(';')[0]!,
    };
    const _csrf = /name="_csrf" value="([^"]+)"/.exec(form.body)![1]!;
    const body = { user: 'ops', password: LOGIN.PUSHFLEET_BOARD_PASSWORD, _csrf };
    const entered = await ask(board, '/login', { method: 'POST', headers, body });
    const [set] = entered.headers['set-cookie'] ?? [];
    const cookie = set!.split(';')[0]!;
    // The overview makes a token for its forms, which goes into the cookie too.
    const page = await ask(board, '/', { headers: { authorization: '', accept: 'text/html', cookie } });
    return [set, page.headers['set-cookie']![0]];
  };
  for (const set of await enter('https://board.example')) expect(set).toMatch(/; Secure/);
  for (const set of await enter('http://board.example')) expect(set).not.toMatch(/Secure/);
});

test('attempts count for the address that a trusted proxy tells, and for the proxy where none is trusted', async () => {
  const wrong = (board: BoardProcess, from: string) =>
    ask(board, '/', { headers: { authorization: `Basic ${btoa('ops:wrong')}`, 'x-forwarded-for': from } });
  const plain = await open();
  for (let at = 0; at < 10; at++) expect((await wrong(plain, `198.51.100.${at}`)).status).toBe(401);
  expect((await wrong(plain, '198.51.100.10')).status).toBe(429);

  const behind = await open({ PUSHFLEET_BOARD_TRUSTED_PROXIES: 'loopback, 10.0.0.0/8' });
  for (let at = 0; at < 10; at++) expect((await wrong(behind, '198.51.100.7')).status).toBe(401);
  // What a browser wrote stands before what the proxy adds.
  expect((await wrong(behind, '198.51.100.99, 198.51.100.7')).status).toBe(429);
  expect((await wrong(behind, '198.51.100.8')).status).toBe(401);
  await untilTrue(behind.output, (said) => said.includes('"address":"198.51.100.8"'));

  for (const proxies of ['my proxy', 'uniquelocal', '10.0.0.0/33', '10.0.0.0/0', '*'])
    await expect(open({ PUSHFLEET_BOARD_TRUSTED_PROXIES: proxies })).rejects.toMatchObject({
      exitCode: 2,
      said: expect.stringContaining('PUSHFLEET_BOARD_TRUSTED_PROXIES'),
    });
});

test('people log in by a page: a wrong password, a forged form and too many attempts are told, a session ends', async () => {
  const board = await open();
  const people = {
    accept: 'text/html',
    'content-type': 'application/x-www-form-urlencoded',
  };
  const visit = (path: string, cookie = '', form?: Record<string, string>) =>
    new Promise<Answer & { cookie: string }>((resolve, reject) => {
      const headers = { ...people, cookie };
      const sent = request(
        new URL(path, board.url),
        { method: form ? 'POST' : 'GET', headers },
        (response) => {
          let body = '';
          response.on('data', (chunk) => {
            body += chunk;
          });
          response.on('end', () => {
            const set = response.headers['set-cookie']?.[0]?.split(';')[0] ?? cookie;
            resolve({ status: response.statusCode!, headers: response.headers, body, cookie: set });
          });
        },
      );
      sent.on('error', reject);
      sent.end(form && new URLSearchParams(form).toString());
    });
  const csrfOf = (body: string) => /name="_csrf" value="([^"]+)"/.exec(body)![1]!;

  expect(await visit('/')).toMatchObject({ status: 303, headers: { location: '/login' } });
  const page = await visit('/login');
  expect(page.headers['content-security-policy']).toContain("style-src 'self';");
  expect(page.headers['set-cookie']![0]).toMatch(/HttpOnly.*SameSite=Lax/);
  const right = { user: 'ops', password: LOGIN.PUSHFLEET_BOARD_PASSWORD, _csrf: csrfOf(page.body) };
  expect((await visit('/login', page.cookie, { ...right, _csrf: 'forged' })).status).toBe(403);
  expect((await visit('/login', page.cookie, { ...right, password: 'wrong' })).status).toBe(401);

  const entered = await visit('/login', page.cookie, right);
  expect(entered).toMatchObject({ status: 303, headers: { location: '/' } });
  const overview = await visit('/', entered.cookie);
  expect(overview.status).toBe(200);
  expect(overview.body).toContain('PUSHFLEET_MYSQL_URL');
  expect((await visit('/queues/', entered.cookie)).status).toBe(200);
  expect((await visit('/logout', overview.cookie, { _csrf: 'forged' })).status).toBe(403);
  const elsewhere = await visit('/login', page.cookie, right);
  const left = await visit('/logout', overview.cookie, { _csrf: csrfOf(overview.body) });
  expect(left.headers.location).toBe('/login?left=1');
  expect((await visit('/', left.cookie)).status).toBe(303);
  // Whoever has a copy of the cookie is out too, whichever of its renewals it is; who logged in elsewhere is not.
  for (const copy of [entered.cookie, overview.cookie])
    for (const path of ['/', '/session', '/queues/api/queues'])
      expect([path, (await visit(path, copy)).headers.location]).toEqual([
        path,
        expect.stringContaining('ended=1'),
      ]);
  expect((await visit('/', elsewhere.cookie)).status).toBe(200);

  // A cookie that says nothing any more is that of a session that has ended; what has no cookie never had one.
  const forged = `${entered.cookie.slice(0, -6)}AAAA==`;
  expect((await visit('/queues/?a=b', forged)).headers.location).toBe(
    '/login?next=%2Fqueues%2F%3Fa%3Db&ended=1',
  );
  expect((await visit('/queues/')).headers.location).toBe('/login?next=%2Fqueues%2F');
  expect((await visit('/login?ended=1')).body).toContain('Your session has ended.');
  for (const [next, location] of [
    ['/queues/?a=b', '/queues/?a=b'],
    ['//evil.example/', '/'],
    ['https://evil.example/', '/'],
    ['/\\evil.example/', '/'],
  ])
    expect((await visit('/login', page.cookie, { ...right, next: next! })).headers.location).toBe(location);
  const nothing = await visit('/nothing/here', elsewhere.cookie);
  expect([nothing.status, nothing.body]).toEqual([404, expect.stringContaining('Back to the overview')]);

  const refused = () => board.output().match(/"event":"board\.loginRefused".*/g) ?? [];
  await untilTrue(refused, (lines) => lines.length > 0);
  expect(refused()).toEqual([expect.stringContaining('"address":"127.0.0.1","closed":false')]);
  expect(board.output()).toContain('"event":"board.entered","address":"127.0.0.1"');
  for (let i = 0; i < 12; i++) await visit('/login', page.cookie, { ...right, password: `guess ${i}` });
  // All that comes after the tenth is one line.
  await untilTrue(refused, (lines) => lines.length === 11);
  expect(refused().map((line) => line.includes('"closed":true'))).toEqual([...Array(10).fill(false), true]);
  expect(board.output()).not.toContain('guess');
  expect((await visit('/login', page.cookie, right)).status).toBe(429);
  expect((await ask(board, '/queues/')).status).toBe(429);
  expect((await visit('/', elsewhere.cookie)).status).toBe(200);
});
