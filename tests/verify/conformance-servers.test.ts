import { afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import type { ApnsAnswer } from '@pushfleet/shared/domain/apns-answer';
import type { ApnsConnection, ApnsRequest } from '../../apps/worker/src/apns/apns-connection.ts';
import { aPush, eventually } from '../harness/apns-peers.ts';
import { answerOf, CONNECTORS, governedAnswer } from '../harness/connectors.ts';
import {
  demandForeignServers,
  type ForeignServer,
  startNghttpd,
  startNginx,
  startPythonH2,
} from '../harness/foreign-servers.ts';
import { closeAll, govern } from '../harness/governed-apns.ts';

beforeAll(demandForeignServers);

const credential = { kind: 'token', keyPem: '', keyId: 'ABC123DEFG', teamId: 'DEF123GHIJ' } as const;
const range = (length: number) => Array.from({ length }, (_, index) => index);
const accepted = { answered: true, status: 200, reason: '' };
let server: ForeignServer | undefined;
let connection: ApnsConnection | undefined;
afterEach(async () => {
  connection?.destroy('the test is over');
  await closeAll();
  await server?.close();
  server = undefined;
});

/** Two batches whose pushes take turns, with payloads of many sizes; every fourth device token is a bad one. */
function pushes(count: number): ApnsRequest[] {
  const batches = range(2).map((batch) => ({ ...aPush(0).headers, 'apns-collapse-id': `batch ${batch}` }));
  return range(count).map((number) => ({
    ...aPush(number, number % 4 === 3 ? 'bb' : 'aa'),
    headers: batches[number % 2]!,
    payload: JSON.stringify({ aps: { alert: 'x'.repeat((number * 397) % 4_000) } }),
  }));
}

/** As many at once as the server allows, 20 at most. */
async function sendAll(all: readonly ApnsRequest[]): Promise<ApnsAnswer[]> {
  const answers: ApnsAnswer[] = [];
  let open = 0;
  const done: Array<Promise<void>> = [];
  for (const [index, request] of all.entries()) {
    await eventually(() => open < Math.min(20, connection!.streamLimit));
    open++;
    done.push(
      answerOf(connection!, request, 10_000).then((answer) => {
        open--;
        answers[index] = answer;
      }),
    );
  }
  await Promise.all(done);
  return answers;
}

describe.each(CONNECTORS)('%s', (_, createConnector) => {
  async function open({ port, caPem }: ForeignServer): Promise<void> {
    const options = { host: 'localhost', port, ca: caPem, credential, providerToken: () => 'provider-token' };
    connection = createConnector(options)();
    await connection.ready;
  }

  function expectRightAnswers(answers: readonly ApnsAnswer[], refusal: object): void {
    for (const [number, answer] of answers.entries()) {
      if (number % 4 === 3) expect(answer).toMatchObject(refusal);
      else expect(answer).toEqual(accepted);
    }
  }

  test.each([
    ['as it is', []],
    ['with small windows', ['-w', '8', '-W', '10']],
    ['with five streams, padding and a trailer', ['-m', '5', '--padding=200', '--trailer=x-a: b']],
    ['with a header table of its own', ['--header-table-size=64', '--encoder-header-table-size=64']],
    ['without a header table', ['--header-table-size=0', '--encoder-header-table-size=0']],
  ])('nghttpd %s', async (__, args) => {
    const all = pushes(200);
    const good = all.filter(({ deviceToken }) => deviceToken.startsWith('aa'));
    server = await startNghttpd(
      args,
      good.map(({ deviceToken }) => deviceToken),
    );
    await open(server);
    expectRightAnswers(await sendAll(all), { answered: true, status: 404, reason: '' });
    await connection!.ping(5_000);
    await connection!.drain();
  });

  const NGINX = `
    location / { return 200; }
    location /3/device/bb { return 410 '{"reason":"Unregistered","timestamp":1790000000000}'; }`;
  const UNREGISTERED = { answered: true, status: 410, reason: 'Unregistered', timestamp: 1790000000000 };

  test.each([
    ['as it is', 'keepalive_requests 100000;'],
    ['with three streams', 'keepalive_requests 100000; http2_max_concurrent_streams 3;'],
    ['with a small buffer for bodies', 'keepalive_requests 100000; http2_body_preread_size 0;'],
  ])('nginx %s', async (__, lines) => {
    server = await startNginx(lines, NGINX);
    await open(server);
    expectRightAnswers(await sendAll(pushes(200)), UNREGISTERED);
    await connection!.ping(5_000);
    await connection!.drain();
  });

  test('nginx says GOAWAY after 50 requests: the governor goes on with another connection', async () => {
    server = await startNginx('keepalive_requests 50;', NGINX);
    const { governor, events } = govern(server.port, server.caPem, { maxInFlight: 20 }, createConnector);
    const answers: ApnsAnswer[] = [];
    for (const [index, request] of pushes(120).entries()) {
      for (let tries = 0; tries < 20 && !answers[index]?.answered; tries++) {
        await governor.acquire('bulk');
        answers[index] = await governedAnswer(governor, request);
      }
    }
    expectRightAnswers(answers, UNREGISTERED);
    expect(governor.connects()).toBe(3);
    expect(events).not.toContain('connection.lost');
  });

  /** Python's h2 checks our frames, our windows and our header blocks, and tells what we sent. */
  test.each([
    ['as it is', {}],
    ['with windows of 10 octets, 7 more at a time', { settings: { 4: 10 }, window: 7 }],
    [
      'with a window that falls below zero and rises',
      {
        settings: { 4: 500 },
        window: 300,
        changes: [
          [5, { 4: 0 }],
          [9, { 4: 40 }],
          [20, { 4: 9_000 }],
        ],
      },
    ],
    ['with header blocks cut into ten octets', { frame: 10 }],
    ['with interim answers, trailers and padding', { interim: true, trailers: true, padding: 200 }],
    ['without a header table', { settings: { 1: 0 } }],
    [
      'with header tables that come and go',
      {
        changes: [
          [5, { 1: 0 }],
          [15, { 1: 4_096 }],
          [30, { 1: 100 }],
          [45, { 1: 0 }],
          [46, { 1: 300 }],
        ],
      },
    ],
    ['with larger frames', { settings: { 5: 1_000_000, 4: 1_000_000 } }],
    [
      'with one stream, then many, then two',
      {
        settings: { 3: 1 },
        changes: [
          [10, { 3: 100 }],
          [40, { 3: 2 }],
        ],
      },
    ],
  ])('python3-h2 %s', async (__, options) => {
    server = await startPythonH2(options);
    await open(server);
    const all = pushes(100);
    expectRightAnswers(await sendAll(all), UNREGISTERED);
    await connection!.ping(5_000);
    await connection!.drain();
    const arrived = server.told.filter(({ path }) => path !== undefined);
    const byPath = new Map(arrived.map((told) => [told.path, told]));
    expect(server.told.filter(({ path }) => path === undefined)).toEqual([]); // no violations, no resets
    expect(byPath.size).toBe(100);
    for (const { deviceToken, apnsId, headers, payload } of all)
      expect(byPath.get(`/3/device/${deviceToken}`)).toMatchObject({
        body: payload,
        headers: {
          ':method': 'POST',
          ':scheme': 'https',
          ':authority': `localhost:${server.port}`,
          authorization: 'bearer provider-token',
          'apns-id': apnsId,
          ...headers,
        },
      });
  });

  test('python3-h2 says GOAWAY in the middle: what it names is answered, the others were not sent', async () => {
    server = await startPythonH2({ goaway: 30 });
    await open(server);
    const answers = await sendAll(pushes(60));
    const answered = answers.filter((answer) => answer.answered);
    expect(answered).toHaveLength(30);
    for (const answer of answers) if (!answer.answered) expect(answer.sent).toBe('no');
    expect(server.told.filter(({ violation }) => violation !== undefined)).toEqual([]);
  });
});
