import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { afterAll, afterEach, beforeAll, beforeEach, expect, jest, test } from '@jest/globals';
import { type Simulator, startSimulator } from '@pushfleet/apns-simulator/simulator';
import {
  acceptAfter,
  aPush,
  aSigningKey,
  eventually,
  startRelay,
  startScriptedServer,
} from '../../../../tests/harness/apns-peers.ts';
import type { ApnsConnection, ConnectionEvent } from './apns-connection.ts';
import { createNodeApnClient, createNodeApnConnector } from './node-apn-connection.ts';
import { createProviderTokenSource } from './provider-token.ts';

const key = aSigningKey();
const credential = { kind: 'token', keyPem: key.keyPem, keyId: 'ABC123DEFG', teamId: 'DEF123GHIJ' } as const;
const source = createProviderTokenSource(credential);
const settings = { host: 'localhost', credential, providerToken: () => source.current() };
const consoleSpies = (['log', 'error', 'warn'] as const).map((name) => jest.spyOn(console, name));

let apns: Simulator;
beforeAll(async () => {
  apns = await startSimulator({ keyId: 'ABC123DEFG', teamId: 'DEF123GHIJ', publicKeyPem: key.publicKeyPem });
});
afterAll(() => apns.close());

let events: ConnectionEvent[];
let opened: ApnsConnection[];
beforeEach(() => {
  apns.reset();
  events = [];
  opened = [];
});
afterEach(() => {
  for (const connection of opened) connection.destroy('the test is over');
  for (const spy of consoleSpies) expect(spy).not.toHaveBeenCalled();
});

function open(port = Number(new URL(apns.url).port), caPem: string | undefined = apns.caPem): ApnsConnection {
  const connection = createNodeApnConnector({ ...settings, port, ca: caPem })();
  connection.on((event) => events.push(event));
  opened.push(connection);
  return connection;
}

async function openWarm(): Promise<ApnsConnection> {
  const connection = open();
  await connection.ready;
  await connection.send(aPush(0), 5_000);
  await eventually(() => connection.streamLimit > 1);
  return connection;
}

const active = (names: RegExp) => process.getActiveResourcesInfo().filter((name) => names.test(name)).length;
const sockets = () => active(/TCPSocket/);
const dead = () => events.find((event) => event.type === 'dead')?.detail;

test('what we use of node-apn is there, in the version that we know', () => {
  const version = (dependencies: Record<string, string>) => dependencies['@parse/node-apn'];
  const worker = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
  expect(version(worker.dependencies)).toBe('8.1.0');
  expect(createRequire(import.meta.url)('@parse/node-apn/package.json').version).toBe('8.1.0');

  const client = createNodeApnClient(settings);
  expect(client.session).toBeUndefined();
  expect(client.config).toMatchObject({ connectionRetryLimit: 0, requestTimeout: 0, address: 'localhost' });
  expect((client.config.token as { current: string }).current).toBe(source.current());
  expect([typeof client.connect, typeof client.request, client.request.length]).toEqual([
    'function',
    'function',
    5,
  ]);
  expect((client.healthCheckInterval as unknown as { _destroyed: boolean })._destroyed).toBe(true);
});

test('node-apn puts the session into client.session and config.token into the request', async () => {
  const server = await startScriptedServer(
    10,
    acceptAfter(async () => {}),
  );
  const seen: unknown[] = [];
  server.server.on('stream', (_, headers) => seen.push(headers));
  const client = createNodeApnClient(settings);
  client.config.createConnection = undefined;
  Object.assign(client.config, { port: server.port, ca: server.caPem });
  await client.connect();
  await client.request(
    client.session!,
    'there',
    { headers: { 'apns-topic': 'x' }, body: '{}' },
    '/3/device/ab',
    'POST',
  );
  expect(seen).toMatchObject([
    {
      ':method': 'POST',
      ':path': '/3/device/ab',
      ':authority': 'there',
      authorization: `bearer ${source.current()}`,
    },
  ]);
  client.session!.destroy();
  await server.close();
});

test('a push arrives as it was given, and is accepted', async () => {
  const connection = open();
  await connection.ready;
  expect(connection.streamLimit).toBe(1);
  const push = aPush(7);
  expect(await connection.send(push, 5_000)).toEqual({ answered: true, status: 200, reason: '' });
  expect(apns.accepted()).toMatchObject([{ deviceToken: push.deviceToken, apnsId: push.apnsId }]);
  await eventually(() => connection.streamLimit === 1000);
});

test('status, reason, timestamp and Retry-After come through', async () => {
  apns.script('device 10* answer 429 TooManyRequests retry-after 3\ndevice 11* answer 410 Unregistered');
  const connection = await openWarm();
  expect(await connection.send(aPush(1, '10'), 5_000)).toEqual({
    answered: true,
    status: 429,
    reason: 'TooManyRequests',
    retryAfterMs: 3_000,
  });
  const gone = await connection.send(aPush(1, '11'), 5_000);
  expect(gone).toMatchObject({ answered: true, status: 410, reason: 'Unregistered' });
  expect(Math.abs(Date.now() - (gone as { timestamp: number }).timestamp)).toBeLessThan(60_000);
});

test.each([
  ['answer 500 InternalServerError', { answered: true, status: 500, reason: 'InternalServerError' }],
  ['answer 403 ExpiredProviderToken', { answered: true, status: 403, reason: 'ExpiredProviderToken' }],
  ['answer 502', { answered: true, status: 502, reason: '' }],
  ['refuse', { answered: false, sent: 'no' }],
  ['reset', { answered: false, sent: 'unknown', detail: 'APNs reset the stream (code 2)' }],
  // Node raises no error for these two, and node-apn's own promise never settles.
  ['reset error CANCEL', { answered: false, sent: 'unknown' }],
  ['reset error NO_ERROR', { answered: false, sent: 'unknown' }],
  ['drop', { answered: false, sent: 'unknown' }],
])('%s', async (step, answer) => {
  apns.script(`device 10* ${step}`);
  const connection = await openWarm();
  expect(await connection.send(aPush(1, '10'), 5_000)).toMatchObject(answer);
});

test('silence: the deadline ends the request and resets its stream; the connection stays', async () => {
  apns.script('device 10* silence');
  const connection = await openWarm();
  const answer = await connection.send(aPush(1, '10'), 60);
  expect(answer).toEqual({ answered: false, sent: 'unknown', detail: 'no answer in time' });
  expect(await connection.send(aPush(2), 5_000)).toMatchObject({ status: 200 });
});

// The simulator sends GOAWAY twice, as RFC 9113 advises a server: node-apn alone loses what is open.
test('graceful GOAWAY: what is open finishes, nothing new starts, the connection ends by itself', async () => {
  const connection = await openWarm();
  apns.setLatency(50);
  const flying = connection.send(aPush(1), 5_000);
  await eventually(() => apns.requestCount() === 2);
  apns.goAway({ reason: 'Shutdown' });
  await eventually(() => events.some((event) => event.type === 'goaway'));
  expect(events).toContainEqual({ type: 'goaway', code: 0, reason: 'Shutdown' });
  expect(await connection.send(aPush(2), 5_000)).toMatchObject({ answered: false, sent: 'no' });
  expect(await flying).toMatchObject({ status: 200 });
  await eventually(() => dead() !== undefined);
});

test('GOAWAY with an error: streams up to the last id are unknown, later ones were not sent', async () => {
  let streams = 0;
  const server = await startScriptedServer(10, (stream) => {
    // REFUSED_STREAM as Apple's code for too many streams: Node then gives it to every stream.
    if (++streams === 3) stream.session!.goaway(7, 3, Buffer.from('{"reason":"TooMany"}'));
  });
  const connection = open(server.port, server.caPem);
  await connection.ready;
  const answers = await Promise.all([1, 2, 3].map((number) => connection.send(aPush(number), 5_000)));
  const sent = (detail: string) => ({ answered: false, detail: expect.stringContaining(detail) });
  expect(answers).toMatchObject([
    { sent: 'unknown', ...sent('TooMany') },
    { sent: 'unknown', ...sent('TooMany') },
    { sent: 'no', ...sent('TooMany') },
  ]);
  await eventually(() => dead() !== undefined);
  expect(dead()).toContain('GOAWAY (code 7, TooMany)');
  await server.close();
});

test('drain waits for open streams, then closes', async () => {
  const connection = await openWarm();
  apns.setLatency(40);
  const flying = connection.send(aPush(1), 5_000);
  const drained = connection.drain();
  expect(await flying).toMatchObject({ status: 200 });
  await drained;
  expect(dead()).toBeDefined();
  await eventually(() => apns.connections() === 0);
});

test('a silent peer: a ping runs into its deadline, destroy ends everything at once', async () => {
  const relay = await startRelay(Number(new URL(apns.url).port));
  const connection = open(relay.port);
  await connection.ready;
  await connection.ping(5_000);
  relay.goSilent();
  const flying = connection.send(aPush(1), 5_000);
  await expect(connection.ping(50)).rejects.toThrow('no pong after 50 ms');
  connection.destroy('it is silent');
  expect(await flying).toEqual({ answered: false, sent: 'unknown', detail: 'it is silent' });
  expect(dead()).toBe('it is silent');
  expect(await connection.send(aPush(2), 5_000)).toMatchObject({ sent: 'no' });
  await relay.close();
});

test('a draining connection to a silent peer is not waited for, and its socket is gone', async () => {
  const relay = await startRelay(Number(new URL(apns.url).port));
  const connection = open(relay.port);
  await connection.ready;
  relay.goSilent();
  const answer = connection.send(aPush(1), 30);
  const before = sockets();
  await connection.drain();
  expect(await answer).toMatchObject({ sent: 'unknown' });
  await eventually(() => sockets() === before - 1); // the peer's ends are still open
  await relay.close();
});

test('lastReadAt follows what the server says, not what we send', async () => {
  const connection = await openWarm();
  const before = connection.lastReadAt();
  apns.script('device 10* silence');
  await connection.send(aPush(1, '10'), 30);
  expect(connection.lastReadAt()).toBe(before);
  await connection.ping(5_000);
  expect(connection.lastReadAt()).toBeGreaterThan(before);
});

test('connections leave nothing behind: no sockets, no timers', async () => {
  const left = () => active(/TCPSocket|TLS|Timeout/);
  const relay = await startRelay(1);
  await relay.close();
  const before = left();
  for (let round = 0; round < 5; round++) {
    const drained = await openWarm();
    await drained.send(aPush(round), 60_000);
    await drained.drain();
    const destroyed = await openWarm();
    destroyed.send(aPush(round), 60_000);
    destroyed.destroy('enough');
    await expect(open(relay.port).ready).rejects.toThrow('ECONNREFUSED');
  }
  await eventually(() => left() <= before);
});
