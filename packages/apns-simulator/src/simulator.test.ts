import { afterEach, expect, test } from '@jest/globals';
import { type Simulator, startSimulator } from './simulator.ts';
import { TestClient } from './test-client.ts';

let simulator: Simulator;
let client: TestClient;

async function start(options: Parameters<typeof startSimulator>[0] = {}): Promise<void> {
  simulator = await startSimulator({ requireProviderToken: false, ...options });
  client = new TestClient(simulator.url, simulator.caPem, { peerMaxConcurrentStreams: 1 });
}

async function push(device: string, headers = {}, payload = '{"aps":{}}'): Promise<string | undefined> {
  const topic = { 'apns-topic': 'com.example.app' };
  const answer = await client.send({ ':path': `/3/device/${device}`, ...topic, ...headers }, payload);
  return answer.headers['apns-id'];
}

type Json = Record<string, unknown> & { error?: string };

async function admin(path: string, body?: unknown, type = 'application/json'): Promise<[number, Json]> {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const request = body === undefined ? {} : { method: 'POST', body: text, headers: { 'content-type': type } };
  const response = await fetch(simulator.adminUrl + path, request);
  return [response.status, (path === '/ca' ? await response.text() : await response.json()) as Json];
}

afterEach(async () => {
  client.close();
  await simulator.close();
});

const FIRST = '01'.repeat(32);
const SECOND = 'AB'.repeat(40); // longer than usual, in capitals

test('each accepted push is kept as it came', async () => {
  await start();
  const headers = {
    'apns-id': 'ec1bf194-b3b2-424a-89b9-5a918a6e6b5d',
    'apns-push-type': 'alert',
    'apns-priority': '5',
    'apns-expiration': '1900000000',
    'apns-collapse-id': 'news',
  };
  const payload = '{"aps":{"alert":"Grüße 👋"}}';
  const before = Date.now();
  await push(FIRST, headers, payload);
  const madeHere = await push(SECOND);
  const expected = {
    topic: 'com.example.app',
    connection: 1,
    atMs: expect.any(Number),
  };
  expect(simulator.accepted()).toEqual([
    {
      ...expected,
      deviceToken: FIRST,
      apnsId: 'ec1bf194-b3b2-424a-89b9-5a918a6e6b5d',
      pushType: 'alert',
      priority: '5',
      expiration: '1900000000',
      collapseId: 'news',
      payload,
    },
    {
      ...expected,
      deviceToken: SECOND,
      apnsId: madeHere,
      pushType: '',
      priority: '',
      expiration: '',
      collapseId: '',
      payload: '{"aps":{}}',
    },
  ]);
  const times = [...simulator.acceptedTimes()];
  expect(times).toHaveLength(2);
  expect(times[0]).toBeGreaterThanOrEqual(before);
  expect(times[1]).toBeLessThanOrEqual(Date.now());
  expect(simulator.accepted(1, 5).map(({ deviceToken }) => deviceToken)).toEqual([SECOND]);
});

test('a device token counts once however often and however spelt', async () => {
  await start();
  for (const device of [FIRST, SECOND, SECOND.toLowerCase(), FIRST]) await push(device);
  expect([simulator.acceptedCount(), simulator.distinctAccepted()]).toEqual([4, 2]);
});

test('pushes are counted per second of the clock', async () => {
  let nowMs = 1_900_000_000_900;
  await start({ now: () => nowMs });
  await push(FIRST);
  await push(FIRST);
  nowMs += 100;
  await push(FIRST);
  expect(simulator.acceptedPerSecond()).toEqual([
    { second: 1_900_000_000, count: 2 },
    { second: 1_900_000_001, count: 1 },
  ]);
});

test("record 'counts' keeps totals and says so when asked for more", async () => {
  await start({ record: 'counts' });
  await push(FIRST);
  expect([simulator.acceptedCount(), simulator.requestCount(), simulator.acceptedPerSecond().length]).toEqual(
    [1, 1, 1],
  );
  for (const ask of ['accepted', 'distinctAccepted', 'acceptedTimes', 'requests'] as const) {
    expect(() => simulator[ask]()).toThrow("start with 'all'");
  }
  expect((await admin('/stats'))[1]).toMatchObject({ accepted: 1, distinct: null });
});

test('records end at maxRecords, counts do not', async () => {
  await start({ maxRecords: 1 });
  await push(FIRST);
  await push(SECOND);
  expect([simulator.accepted().length, simulator.requests().length]).toEqual([1, 1]);
  expect([simulator.acceptedCount(), simulator.distinctAccepted()]).toEqual([2, 2]);
});

test('only the sandbox sends apns-unique-id', async () => {
  await start({ environment: 'sandbox' });
  const request = { ':path': `/3/device/${FIRST}`, 'apns-topic': 'com.example.app' };
  expect((await client.send(request, '{}')).headers['apns-unique-id']).toMatch(/^[0-9a-f-]{36}$/);
  client.close();
  await simulator.close();
  await start();
  expect((await client.send(request, '{}')).headers).not.toHaveProperty('apns-unique-id');
});

test('a script that does not parse changes nothing', async () => {
  await start();
  simulator.script('device 01* answer 410 Unregistered');
  expect(() => simulator.script('device * accept\nstreams many')).toThrow('script line 2');
  await push(FIRST);
  simulator.addRule('device ab* answer 500 InternalServerError');
  await push(SECOND);
  expect(simulator.answers()).toEqual({ '410 Unregistered': 1, '500 InternalServerError': 1 });
});

test('the admin server shows and controls', async () => {
  await start();
  expect(await admin('/script', 'device ab* answer 410 Unregistered', 'text/plain')).toEqual([
    200,
    { ok: true },
  ]);
  await push(FIRST);
  await push(SECOND);
  expect(await admin('/stats')).toEqual([
    200,
    {
      accepted: 1,
      distinct: 1,
      requests: 2,
      answers: { 200: 1, '410 Unregistered': 1 },
      connections: 1,
      connects: 1,
    },
  ]);
  expect((await admin('/accepted?since=0&limit=10'))[1]).toMatchObject({
    next: 1,
    accepted: [{ deviceToken: FIRST }],
  });
  expect((await admin('/requests?since=1'))[1]).toMatchObject({ next: 2, requests: [{ status: 410 }] });
  expect((await admin('/per-second'))[1]).toMatchObject([{ count: 1 }]);
  expect(await admin('/ca')).toEqual([200, simulator.caPem]);
  await admin('/streams', { limit: 5 });
  await client.streamLimit(5);
  await admin('/script', [{ device: '*', steps: [{ do: 'refuse' }] }]);
  await push(FIRST);
  expect((await admin('/stats'))[1].answers).toMatchObject({ refuse: 1 });
  await admin('/reset', {});
  expect((await admin('/stats'))[1]).toMatchObject({ accepted: 0, requests: 0, answers: {}, connects: 0 });
  await admin('/goaway', { error: 'ENHANCE_YOUR_CALM' });
  await client.closed;
  expect(client.goAways[0]?.code).toBe(11);
});

test.each<[string, unknown, RegExp]>([
  ['/script', 'device ? accept', /script line 1/],
  ['/script', { rules: [{ device: '*', steps: [] }] }, /script rule 1/],
  ['/streams', { limit: -1 }, /limit/],
  ['/latency', { ms: 'soon' }, /ms/],
  ['/goaway', { error: 'NONSENSE' }, /not the name/],
])('the admin server refuses %s %j', async (path, body, problem) => {
  await start();
  const [status, { error }] = await admin(path, body, typeof body === 'string' ? 'text/plain' : undefined);
  expect(status).toBe(400);
  expect(error).toMatch(problem);
});
