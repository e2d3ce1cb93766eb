import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { type Simulator, startSimulator } from '@pushfleet/apns-simulator/simulator';
import {
  aPush,
  aSigningKey,
  eventually,
  startRelay,
  startScriptedServer,
} from '../../../../tests/harness/apns-peers.ts';
import { answerOf, CONNECTORS } from '../../../../tests/harness/connectors.ts';
import type { ApnsConnection, ConnectionEvent } from './apns-connection.ts';
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

const active = (names: RegExp) => process.getActiveResourcesInfo().filter((name) => names.test(name)).length;
const sockets = () => active(/TCPSocket/);
const dead = () => events.find((event) => event.type === 'dead')?.detail;

describe.each(CONNECTORS)('%s', (_, createConnector) => {
  function open(
    port = Number(new URL(apns.url).port),
    caPem: string | undefined = apns.caPem,
  ): ApnsConnection {
    const connection = createConnector({ ...settings, port, ca: caPem })();
    connection.on((event) => events.push(event));
    opened.push(connection);
    return connection;
  }

  async function openWarm(): Promise<ApnsConnection> {
    const connection = open();
    await connection.ready;
    await answerOf(connection, aPush(0), 5_000);
    await eventually(() => connection.streamLimit > 1);
    return connection;
  }

  test('a push arrives as it was given, and is accepted', async () => {
    const connection = open();
    await connection.ready;
    expect(connection.streamLimit).toBe(1);
    const push = aPush(7);
    expect(await answerOf(connection, push, 5_000)).toEqual({ answered: true, status: 200, reason: '' });
    expect(apns.accepted()).toMatchObject([{ deviceToken: push.deviceToken, apnsId: push.apnsId }]);
    await eventually(() => connection.streamLimit === 1000);
  });

  test('status, reason, timestamp and Retry-After come through', async () => {
    apns.script('device 10* answer 429 TooManyRequests retry-after 3\ndevice 11* answer 410 Unregistered');
    const connection = await openWarm();
    expect(await answerOf(connection, aPush(1, '10'), 5_000)).toEqual({
      answered: true,
      status: 429,
      reason: 'TooManyRequests',
      retryAfterMs: 3_000,
    });
    const gone = await answerOf(connection, aPush(1, '11'), 5_000);
    expect(gone).toMatchObject({ answered: true, status: 410, reason: 'Unregistered' });
    expect(Math.abs(Date.now() - (gone as { timestamp: number }).timestamp)).toBeLessThan(60_000);
  });

  test.each([
    ['answer 500 InternalServerError', { answered: true, status: 500, reason: 'InternalServerError' }],
    ['answer 403 ExpiredProviderToken', { answered: true, status: 403, reason: 'ExpiredProviderToken' }],
    ['answer 502', { answered: true, status: 502, reason: '' }],
    ['refuse', { answered: false, sent: 'no' }],
    ['reset', { answered: false, sent: 'unknown', detail: expect.stringMatching(/^APNs reset the stream/) }],
    // Node raises no error for these two, and node-apn's own promise never settles.
    ['reset error CANCEL', { answered: false, sent: 'unknown' }],
    ['reset error NO_ERROR', { answered: false, sent: 'unknown' }],
    ['drop', { answered: false, sent: 'unknown' }],
  ])('%s', async (step, answer) => {
    apns.script(`device 10* ${step}`);
    const connection = await openWarm();
    expect(await answerOf(connection, aPush(1, '10'), 5_000)).toMatchObject(answer);
  });

  test('silence: the deadline ends the request and resets its stream; the connection stays', async () => {
    apns.script('device 10* silence');
    const connection = await openWarm();
    const answer = await answerOf(connection, aPush(1, '10'), 60);
    expect(answer).toEqual({ answered: false, sent: 'unknown', detail: 'no answer in time' });
    expect(await answerOf(connection, aPush(2), 5_000)).toMatchObject({ status: 200 });
  });

  // The simulator sends GOAWAY twice, as RFC 9113 advises a server: node-apn alone loses what is open.
  test('graceful GOAWAY: what is open finishes, nothing new starts, the connection ends by itself', async () => {
    const connection = await openWarm();
    apns.setLatency(50);
    const flying = answerOf(connection, aPush(1), 5_000);
    await eventually(() => apns.requestCount() === 2);
    apns.goAway({ reason: 'Shutdown' });
    await eventually(() => events.some((event) => event.type === 'goaway'));
    expect(events).toContainEqual({ type: 'goaway', code: 0, reason: 'Shutdown' });
    expect(await answerOf(connection, aPush(2), 5_000)).toMatchObject({ answered: false, sent: 'no' });
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
    const answers = await Promise.all([1, 2, 3].map((number) => answerOf(connection, aPush(number), 5_000)));
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
    const flying = answerOf(connection, aPush(1), 5_000);
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
    const flying = answerOf(connection, aPush(1), 5_000);
    await expect(connection.ping(50)).rejects.toThrow('no pong after 50 ms');
    connection.destroy('it is silent');
    expect(await flying).toEqual({ answered: false, sent: 'unknown', detail: 'it is silent' });
    expect(dead()).toBe('it is silent');
    expect(await answerOf(connection, aPush(2), 5_000)).toMatchObject({ sent: 'no' });
    await relay.close();
  });

  test('a draining connection to a silent peer is not waited for, and its socket is gone', async () => {
    const relay = await startRelay(Number(new URL(apns.url).port));
    const connection = open(relay.port);
    await connection.ready;
    relay.goSilent();
    const answer = answerOf(connection, aPush(1), 30);
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
    await answerOf(connection, aPush(1, '10'), 30);
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
      await answerOf(drained, aPush(round), 60_000);
      await drained.drain();
      const destroyed = await openWarm();
      answerOf(destroyed, aPush(round), 60_000);
      destroyed.destroy('enough');
      await expect(open(relay.port).ready).rejects.toThrow('ECONNREFUSED');
    }
    await eventually(() => left() <= before);
  });
});
