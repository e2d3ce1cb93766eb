import { afterEach, expect, test } from '@jest/globals';
import { type Simulator, startSimulator } from './simulator.ts';
import { TestClient } from './test-client.ts';

let simulator: Simulator;
let client: TestClient;

async function start(options: Parameters<typeof startSimulator>[0] = {}): Promise<void> {
  simulator = await startSimulator({ fast: true, ...options });
  client = new TestClient(simulator.url, simulator.caPem, { peerMaxConcurrentStreams: 1 });
}

function push(device: string, headers = {}, payload = '{"aps":{}}') {
  const usual = { 'apns-topic': 'com.example.app', authorization: 'bearer some.provider.token' };
  return client.send({ ':path': `/3/device/${device}`, ...usual, ...headers }, payload);
}

afterEach(async () => {
  client.close();
  await simulator.close();
});

test('the fast mode accepts pushes, gives their apns-id back and opens the connection', async () => {
  await start({ streamLimit: 500 });
  const apnsId = 'ec1bf194-b3b2-424a-89b9-5a918a6e6b5d';
  const answer = await push('ab'.repeat(32), { 'apns-id': apnsId });
  expect([answer.status, answer.headers['apns-id']]).toEqual([200, apnsId]);
  await client.streamLimit(500);
  const answers = await Promise.all(
    Array.from({ length: 400 }, (_, i) => push(i.toString(16).padStart(64, '0'))),
  );
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
  expect([simulator.acceptedCount(), simulator.requestCount(), simulator.connects()]).toEqual([401, 401, 1]);
  expect(simulator.acceptedPerSecond().reduce((sum, { count }) => sum + count, 0)).toBe(401);
});

test('what is no push is refused with the reason', async () => {
  await start();
  const refused = [
    await push('not-hex'),
    await push('ab', { 'apns-topic': '' }),
    await push('ab', { authorization: 'basic x' }),
    await push('ab', {}, ''),
    await push('ab', {}, 'x'.repeat(6_000)),
  ];
  expect(refused.map(({ status, body }) => `${status} ${body.reason}`)).toEqual([
    '400 BadPath',
    '400 MissingTopic',
    '400 MissingProviderToken',
    '400 PayloadEmpty',
    '400 PayloadTooLarge',
  ]);
  expect(simulator.acceptedCount()).toBe(0);
});

test('latency holds each answer back, and many at once', async () => {
  await start({ latencyMs: 80 });
  const startedAt = performance.now();
  await push('ab');
  await client.streamLimit(1000);
  await Promise.all(Array.from({ length: 50 }, () => push('cd')));
  const took = performance.now() - startedAt;
  expect(took).toBeGreaterThan(155);
  // One after the other they would take four seconds.
  expect(took).toBeLessThan(3_000);
});

test('rules of a script are refused, but for latency and streams', async () => {
  await start();
  expect(() => simulator.script('device ab* answer 410 Unregistered')).toThrow('latency and streams');
  simulator.script('all latency 1ms\nstreams 7');
  await push('ab');
  await client.streamLimit(7);
  expect(() => simulator.accepted()).toThrow('fast mode');
});
