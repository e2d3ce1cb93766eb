import { constants } from 'node:http2';
import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { generate } from 'selfsigned';
import { type Simulator, type SimulatorOptions, startSimulator } from './simulator.ts';
import { makeSigningKey, type SeenAnswer, signProviderToken, TestClient } from './test-client.ts';

const authorization = `bearer ${signProviderToken(makeSigningKey().privateKey)}`;
const clients: TestClient[] = [];
let simulator: Simulator;

async function restart(options: SimulatorOptions): Promise<void> {
  await simulator.close();
  simulator = await startSimulator(options);
}

function openClient(options = {}): TestClient {
  const client = new TestClient(simulator.url, simulator.caPem, options);
  clients.push(client);
  return client;
}

async function openWarmClient(): Promise<TestClient> {
  const client = openClient({ peerMaxConcurrentStreams: 1 });
  await push(client, deviceToken('ff'));
  await client.streamLimit(1000);
  return client;
}

function deviceToken(begin: string): string {
  return begin.padEnd(64, '0');
}

function push(client: TestClient, device: string, timeoutMs?: number): Promise<SeenAnswer> {
  const headers = { authorization, 'apns-topic': 'com.example.app', 'apns-push-type': 'alert' };
  return client.send({ ':path': `/3/device/${device}`, ...headers }, '{"aps":{}}', timeoutMs);
}

beforeEach(async () => {
  simulator = await startSimulator();
});
afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  await simulator.close();
});

// Every reason of Apple's that only a server's state can cause.
test.each([
  [400, 'BadCertificateEnvironment'],
  [400, 'DeviceTokenNotForTopic'],
  [400, 'IdleTimeout'],
  [403, 'BadCertificate'],
  [403, 'BadEnvironmentKeyIdInToken'],
  [403, 'Forbidden'],
  [429, 'TooManyRequests'],
  [500, 'InternalServerError'],
  [503, 'ServiceUnavailable'],
  [503, 'Shutdown'],
  [400, 'AReasonAppleAddsLater'],
])('a script answers %i %s', async (status, reason) => {
  simulator.script(`device ab* answer ${status} ${reason}`);
  const client = openClient();
  const answer = await push(client, deviceToken('ab12'));
  expect([answer.status, answer.body]).toEqual([status, { reason }]);
  expect(answer.headers).not.toHaveProperty('retry-after');
  expect((await push(client, deviceToken('ac'))).status).toBe(200);
  expect(simulator.accepted().map((accepted) => accepted.deviceToken)).toEqual([deviceToken('ac')]);
});

test.each([
  ['answer 410 Unregistered', 0],
  ['answer 410 ExpiredToken timestamp -60s', -60_000],
  ['answer 410 Unregistered timestamp +2h', 7_200_000],
])('%s carries its moment in milliseconds', async (rule, offsetMs) => {
  simulator.script(`device * ${rule}`);
  const before = Date.now();
  const { status, body } = await push(openClient(), deviceToken('ab'));
  expect(status).toBe(410);
  expect(body.timestamp).toBeGreaterThanOrEqual(before + offsetMs);
  expect(body.timestamp).toBeLessThanOrEqual(Date.now() + offsetMs);
});

test('a 410 with a given timestamp, and an answer without a body', async () => {
  simulator.script('device aa* answer 410 Unregistered timestamp 1700000000000\ndevice bb* answer 502');
  const client = openClient({ peerMaxConcurrentStreams: 1 });
  expect((await push(client, deviceToken('aa'))).body).toEqual({
    reason: 'Unregistered',
    timestamp: 1700000000000,
  });
  expect(await push(client, deviceToken('bb'))).toMatchObject({ status: 502, body: {}, streamError: 0 });
});

test('429 and 503 with retry-after, a number of times for each device token, then accepted', async () => {
  simulator.script(`
    device aa* answer 429 TooManyRequests retry-after 3 times 1
    device bb* answer 503 ServiceUnavailable retry-after 5 times 2 then accept`);
  const client = openClient({ peerMaxConcurrentStreams: 1 });
  const statuses: unknown[] = [];
  for (const device of ['aa01', 'aa01', 'aa02', 'aa02', 'bb01', 'bb01', 'bb01', 'bb01']) {
    const { status, headers } = await push(client, deviceToken(device));
    statuses.push(headers['retry-after'] === undefined ? status : [status, headers['retry-after']]);
  }
  expect(statuses).toEqual([[429, '3'], 200, [429, '3'], 200, [503, '5'], [503, '5'], 200, 200]);
});

test('steps follow one another, and the last one stays', async () => {
  simulator.script('device aa* answer 500 InternalServerError then reset then answer 410 Unregistered');
  const client = openClient({ peerMaxConcurrentStreams: 1 });
  const seen: number[] = [];
  for (let time = 0; time < 4; time++) seen.push((await push(client, deviceToken('aa'))).status);
  expect(seen).toEqual([500, 0, 410, 410]);
});

test.each([
  ['reset', constants.NGHTTP2_INTERNAL_ERROR],
  ['reset error CANCEL', constants.NGHTTP2_CANCEL],
  ['refuse', constants.NGHTTP2_REFUSED_STREAM],
])('%s ends the stream and not the connection', async (action, code) => {
  const client = await openWarmClient();
  simulator.script(`device dead* ${action}`);
  expect(await push(client, deviceToken('dead'))).toMatchObject({ status: 0, streamError: code });
  expect((await push(client, deviceToken('01'))).status).toBe(200);
  expect(simulator.requests()[1]).toMatchObject({ status: 0, reason: action.split(' ')[0] });
  expect([simulator.acceptedCount(), simulator.connects()]).toEqual([2, 1]);
});

test('silence: no answer while others get theirs', async () => {
  const client = await openWarmClient();
  simulator.script('device 00* silence');
  const silent = push(client, deviceToken('00'), 300);
  expect((await push(client, deviceToken('01'))).status).toBe(200);
  expect(await silent).toMatchObject({ status: 0, streamError: constants.NGHTTP2_CANCEL });
  expect(simulator.answers()).toEqual({ 200: 2, silence: 1 });
});

test('drop cuts the connection with all that is under way', async () => {
  const client = await openWarmClient();
  simulator.script('device 00* silence\ndevice 22* drop');
  const answers = await Promise.all([push(client, deviceToken('00')), push(client, deviceToken('22'))]);
  expect(answers.map(({ status }) => status)).toEqual([0, 0]);
  await client.closed;
  expect(client.goAways).toEqual([]);
  expect(simulator.acceptedCount()).toBe(1);
});

test.each(['drop', 'silence', 'reset', 'goaway error INTERNAL_ERROR'])(
  '%s accepted: only the answer is lost',
  async (action) => {
    const client = await openWarmClient();
    simulator.script(`device 22* ${action} accepted`);
    expect((await push(client, deviceToken('22'), 300)).status).toBe(0);
    expect(simulator.accepted().map((accepted) => accepted.deviceToken)).toContain(deviceToken('22'));
  },
);

test('goaway answers first and lets the open streams end', async () => {
  const client = await openWarmClient();
  simulator.script('device 11* delay 200ms\ndevice 33* goaway');
  const answers = await Promise.all([push(client, deviceToken('11')), push(client, deviceToken('33'))]);
  expect(answers.map(({ status }) => status)).toEqual([200, 200]);
  await client.closed;
  expect(client.goAways[0]).toEqual({ code: 0, data: '{"reason":"Shutdown"}' });
});

test('goaway with an error ends everything unanswered', async () => {
  const client = await openWarmClient();
  simulator.script('device 00* silence\ndevice 44* goaway error ENHANCE_YOUR_CALM');
  const answers = await Promise.all([push(client, deviceToken('00')), push(client, deviceToken('44'))]);
  expect(answers.map(({ status }) => status)).toEqual([0, 0]);
  await client.closed;
  expect(client.goAways[0]).toEqual({
    code: constants.NGHTTP2_ENHANCE_YOUR_CALM,
    data: '{"reason":"ENHANCE_YOUR_CALM"}',
  });
  expect(simulator.acceptedCount()).toBe(1);
});

test('delay and latency hold the answer back, not the acceptance', async () => {
  const client = await openWarmClient();
  simulator.script('device 11* delay 150ms answer 429 TooManyRequests\nall latency 100ms');
  const start = performance.now();
  const pending = push(client, deviceToken('01'));
  const delayed = await push(client, deviceToken('11'));
  expect([(await pending).status, delayed.status]).toEqual([200, 429]);
  expect(performance.now() - start).toBeGreaterThan(245);
  const [, accepted] = simulator.accepted();
  expect(accepted!.atMs).toBeLessThan(performance.timeOrigin + start + 90);
});

test('after and every count over all requests', async () => {
  simulator.script('after 2 accepted drop\nevery 3 requests goaway error INTERNAL_ERROR');
  const seen: unknown[] = [];
  for (let time = 0; time < 6; time++) {
    const client = openClient();
    seen.push((await push(client, deviceToken(`0${time}`))).status);
    client.close();
  }
  // The second is accepted and loses its answer; the third and the sixth are not accepted.
  expect(seen).toEqual([200, 0, 0, 200, 200, 0]);
  expect(simulator.accepted().map(({ deviceToken: device }) => device.slice(0, 2))).toEqual([
    '00',
    '01',
    '03',
    '04',
  ]);
});

test('stick: that connection answers so from then on, others do not', async () => {
  simulator.script('after 2 requests stick 500 InternalServerError\nafter 4 accepted stick 503');
  const [sticky, other] = [openClient({ peerMaxConcurrentStreams: 1 }), openClient()];
  const status = async (client: TestClient) => (await push(client, deviceToken('01'))).status;
  const seen = [await status(sticky), await status(sticky), await status(sticky), await status(other)];
  // The fourth accepted push still gets its answer.
  seen.push(await status(other), await status(other), await status(other), await status(sticky));
  expect(seen).toEqual([200, 500, 500, 200, 200, 200, 503, 500]);
});

test('after … goaway answers the request that reaches the number', async () => {
  simulator.script('after 1 requests goaway');
  const client = openClient();
  expect((await push(client, deviceToken('01'))).status).toBe(200);
  await client.closed;
  expect(client.goAways[0]).toMatchObject({ code: 0 });
});

test('one stream until a push is accepted, whatever is refused before; the rest are refused streams', async () => {
  simulator.script('device bad* answer 400 BadDeviceToken');
  const client = openClient(); // Node assumes 100 streams until the server's SETTINGS
  const burst = await Promise.all(
    Array.from({ length: 20 }, (_, index) => push(client, deviceToken(`bad${index}`))),
  );
  expect(burst.filter(({ status }) => status === 400)).toHaveLength(1);
  expect(burst.filter(({ streamError }) => streamError === constants.NGHTTP2_REFUSED_STREAM)).toHaveLength(
    19,
  );
  await client.streamLimit(1);
  expect((await push(client, deviceToken('01'))).status).toBe(200);
  await client.streamLimit(1000);
  const told = jest.fn();
  client.session.on('remoteSettings', told);
  const later = await Promise.all(
    Array.from({ length: 50 }, (_, index) => push(client, deviceToken(`${10 + index}`))),
  );
  expect(later.every(({ status }) => status === 200)).toBe(true);
  expect(told).not.toHaveBeenCalled();
  expect(simulator.requestCount()).toBe(52);
});

test('the stream limit changes while connections are open', async () => {
  const warm = await openWarmClient();
  const cold = openClient();
  simulator.script('streams 10');
  await warm.streamLimit(10);
  await cold.streamLimit(1);
  simulator.setStreamLimit(3);
  await warm.streamLimit(3);
  await push(cold, deviceToken('01'));
  await cold.streamLimit(3);
  simulator.reset();
  await warm.streamLimit(1000);
});

test('without oneStreamUntilAccepted the limit holds from the start', async () => {
  await restart({ oneStreamUntilAccepted: false, streamLimit: 7 });
  await openClient().streamLimit(7);
});

test('a client certificate needs no provider token, gives the default topic, and opens all streams at once', async () => {
  const made = await generate(
    [
      { name: 'commonName', value: 'push' },
      {
        name: '0.9.2342.19200300.100.1.1',
        value: 'com.example.app',
      } /* UID, where Apple puts the bundle id */,
    ],
    { keyType: 'ec', algorithm: 'sha256' },
  );
  const client = openClient({ cert: made.cert, key: made.private });
  await client.streamLimit(1000);
  const headers = { ':path': `/3/device/${deviceToken('01')}`, authorization: 'bearer nonsense' };
  expect((await client.send(headers, '{"aps":{}}')).status).toBe(200);
  expect(simulator.accepted()).toMatchObject([{ topic: 'com.example.app', pushType: '' }]);
});

test('with requireProviderToken false a connection may be anonymous', async () => {
  await restart({ requireProviderToken: false });
  const headers = { ':path': `/3/device/${deviceToken('01')}`, 'apns-topic': 'com.example.app' };
  expect((await openClient().send(headers, '{"aps":{}}')).status).toBe(200);
});

test('goAway, dropConnections and close reach every connection', async () => {
  const clientsHere = [await openWarmClient(), await openWarmClient()];
  expect([simulator.connections(), simulator.connects()]).toEqual([2, 2]);
  simulator.goAway({ error: 'ENHANCE_YOUR_CALM', reason: 'TooManyPings' });
  await Promise.all(clientsHere.map(({ closed }) => closed));
  expect(clientsHere.map(({ goAways }) => goAways[0]?.data)).toEqual(
    Array(2).fill('{"reason":"TooManyPings"}'),
  );
  const dropped = await openWarmClient();
  simulator.dropConnections();
  await dropped.closed;
  expect(() => simulator.goAway({ error: 'NONSENSE' })).toThrow(/not the name/);
});
