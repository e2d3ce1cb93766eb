import { afterEach, describe, expect, test } from '@jest/globals';
import type { ApnsAnswer } from '@pushfleet/shared/domain/apns-answer';
import type { Lane } from '@pushfleet/shared/domain/lanes';
import {
  acceptAfter,
  aPush,
  eventually,
  startRelay,
  startScriptedServer,
} from '../../../../tests/harness/apns-peers.ts';
import { CONNECTORS, governedAnswer } from '../../../../tests/harness/connectors.ts';
import {
  closeAll,
  closers,
  govern as governWith,
  simulate,
} from '../../../../tests/harness/governed-apns.ts';
import type { ConnectionGovernor, GovernorOptions } from './connection-governor.ts';

afterEach(closeAll);

async function push(governor: ConnectionGovernor, number: number, prefix?: string, lane: Lane = 'bulk') {
  await governor.acquire(lane);
  return governedAnswer(governor, aPush(number, prefix));
}

/** As the batch sender does: what was certainly not sent is sent again. */
async function pushUntilSent(
  governor: ConnectionGovernor,
  number: number,
  seen: ApnsAnswer[],
): Promise<void> {
  for (let tries = 0; tries < 1_000; tries++) {
    const answer = await push(governor, number);
    seen.push(answer);
    if (answer.answered) return;
  }
}

function openAll(gates: Array<() => void>): void {
  for (const open of gates.splice(0)) open();
}

const range = (length: number) => Array.from({ length }, (_, index) => index);
const wasAccepted = (answer: ApnsAnswer) => answer.answered && answer.status === 200;

describe.each(CONNECTORS)('%s', (_, createConnector) => {
  const govern = (port: number, ca: string, options: Partial<GovernorOptions> = {}) =>
    governWith(port, ca, options, createConnector);

  test('300 requests at once on a new connection: one probe until APNs accepts, no refused stream', async () => {
    const { apns, port } = await simulate({ latencyMs: 5 });
    const { governor, states } = govern(port, apns.caPem);
    expect(governor.state()).toBe('connecting');
    const answers = await Promise.all(range(300).map((number) => push(governor, number)));
    expect(answers.every(wasAccepted)).toBe(true);
    expect([apns.requestCount(), apns.distinctAccepted(), apns.connects()]).toEqual([300, 300, 1]);
    expect(states).toEqual(['probing', 'ready']);
    expect([governor.streamLimit(), governor.inFlight(), governor.connects()]).toEqual([1000, 0, 1]);
  });

  test('probes that get final refusals stay probes; the first acceptance opens the window', async () => {
    const { apns, port } = await simulate({ latencyMs: 2 });
    apns.script('device bad* answer 400 BadDeviceToken');
    const { governor } = govern(port, apns.caPem);
    const refused = await Promise.all(range(20).map((number) => push(governor, number, 'bad')));
    expect(refused.every((answer) => answer.answered && answer.status === 400)).toBe(true);
    expect([governor.state(), apns.requestCount()]).toEqual(['probing', 20]);
    await push(governor, 1);
    expect(governor.state()).toBe('ready');
  });

  test('SETTINGS that raise the limit after a probe open the window too', async () => {
    const server = await startScriptedServer(1, (stream) => {
      stream.session!.settings({ maxConcurrentStreams: 50 });
      stream.respond({ ':status': 410 });
      stream.end('{"reason":"Unregistered","timestamp":1790000000000}');
    });
    closers.push(() => server.close());
    const { governor } = govern(server.port, server.caPem);
    await push(governor, 1);
    await eventually(() => governor.state() === 'ready');
  });

  test('never more in flight than the server allows now: 100, then 1, then 100 again', async () => {
    const gates: Array<() => void> = [];
    const server = await startScriptedServer(
      100,
      acceptAfter(() => new Promise<void>((resolve) => gates.push(resolve))),
    );
    closers.push(() => server.close());
    const { governor } = govern(server.port, server.caPem);
    const seen: ApnsAnswer[] = [];
    const all = Promise.all(range(400).map((number) => pushUntilSent(governor, number, seen)));
    const openOne = () => gates.shift()?.();
    const limitTo = async (limit: number) => {
      server.sessions[0]!.settings({ maxConcurrentStreams: limit });
      await eventually(() => governor.streamLimit() === limit);
    };

    await eventually(() => gates.length === 1);
    openOne();
    await eventually(() => gates.length === 92); // bulk leaves eight to urgent
    await limitTo(1);
    for (let left = 92; left > 1; left--) openOne();
    await eventually(() => gates.length === 1 && governor.inFlight() === 1);
    server.resetPeak();
    for (let more = 0; more < 20; more++) {
      openOne();
      await eventually(() => gates.length === 1);
    }
    expect(server.peak()).toBe(1);

    await limitTo(100);
    await eventually(() => gates.length === 92);
    const pump = setInterval(() => openAll(gates), 1);
    await all.finally(() => clearInterval(pump));
    expect(server.peak()).toBe(92);
    expect(seen).toHaveLength(400);
  });

  test('refused streams are answered "not sent", and lower the window until the server accepts', async () => {
    // A server that tells 1000 and takes 4.
    let open = 0;
    const server = await startScriptedServer(1000, (stream) => {
      stream.on('close', () => open--);
      if (++open > 4) stream.close(7);
      else setTimeout(() => stream.destroyed || stream.respond({ ':status': 200 }, { endStream: true }), 3);
    });
    closers.push(() => server.close());
    const { governor } = govern(server.port, server.caPem, { maxInFlight: 50 });
    const seen: ApnsAnswer[] = [];
    await Promise.all(range(200).map((number) => pushUntilSent(governor, number, seen)));
    const refused = seen.filter((answer) => !answer.answered);
    expect(refused.length).toBeGreaterThan(0);
    expect(refused.every((answer) => !answer.answered && answer.sent === 'no')).toBe(true);
    expect(refused.length).toBeLessThan(800);
    expect(seen.filter(wasAccepted)).toHaveLength(200);
  });

  test('graceful GOAWAY: the open requests finish on the old connection, new ones go to a new one', async () => {
    const { apns, port } = await simulate();
    const { governor, events } = govern(port, apns.caPem);
    await push(governor, 0);
    apns.setLatency(60);
    const flying = range(20).map((number) => push(governor, number + 1));
    await eventually(() => apns.requestCount() === 21);
    apns.goAway();
    await eventually(() => governor.connects() === 2);
    apns.setLatency(0);
    expect(await push(governor, 50)).toMatchObject({ status: 200 });
    expect((await Promise.all(flying)).every(wasAccepted)).toBe(true);
    expect([apns.connects(), apns.distinctAccepted(), apns.requestCount()]).toEqual([2, 22, 22]);
    expect(events).toContain('connection.replaced');
    expect(events).not.toContain('connection.lost');
  });

  test('GOAWAY with an error: the open ones end as unknown, the next goes out on a new connection', async () => {
    const { apns, port } = await simulate();
    const { governor } = govern(port, apns.caPem);
    await push(governor, 0);
    apns.script('device 10* silence');
    const flying = push(governor, 1, '10');
    await eventually(() => apns.requestCount() === 2);
    apns.goAway({ error: 'ENHANCE_YOUR_CALM' });
    expect(await flying).toMatchObject({ answered: false, sent: 'unknown' });
    expect(await push(governor, 2)).toMatchObject({ status: 200 });
    expect(governor.connects()).toBe(2);
  });

  test.each([
    ['403 ExpiredProviderToken', 1],
    ['429 TooManyProviderTokenUpdates', 1],
    ['503 Shutdown', 1],
    ['500 InternalServerError', 2],
  ])('after %s (%i times) the connection is replaced', async (answer, times) => {
    const { apns, port } = await simulate();
    apns.script(`device 10* answer ${answer}`);
    const { governor } = govern(port, apns.caPem);
    await push(governor, 0);
    for (let count = 1; count <= times; count++) {
      expect(governor.connects()).toBe(1);
      await push(governor, count, '10');
    }
    expect(await push(governor, 9)).toMatchObject({ status: 200 });
    expect(governor.connects()).toBe(2);
  });

  test('a silent peer with requests: three deadlines in a row destroy the connection', async () => {
    const { apns, port } = await simulate();
    const relay = await startRelay(port);
    closers.push(() => relay.close());
    const { governor, events } = govern(relay.port, apns.caPem, { requestTimeoutMs: 250 });
    await push(governor, 0);
    relay.goSilent();
    const answers = await Promise.all(range(10).map((number) => push(governor, number + 1)));
    expect(answers.every((answer) => !answer.answered && answer.sent === 'unknown')).toBe(true);
    expect(events).toContain('connection.lost');
    relay.speakAgain();
    expect(await push(governor, 99)).toMatchObject({ status: 200 });
    expect(governor.connects()).toBe(2);
  });

  test('a silent peer without requests: the ping deadline destroys the connection', async () => {
    const { apns, port } = await simulate();
    const relay = await startRelay(port);
    closers.push(() => relay.close());
    const { governor, states } = govern(relay.port, apns.caPem, { pingAfterMs: 40, pingTimeoutMs: 400 });
    governor.start();
    await eventually(() => governor.state() === 'probing');
    await new Promise((resolve) => setTimeout(resolve, 150));
    expect(governor.connects()).toBe(1); // pongs came: nothing is wrong
    await push(governor, 0);
    relay.goSilent();
    await eventually(() => states.at(-1) === 'connecting');
  });

  test('a peer that never sends SETTINGS is given up', async () => {
    const { apns, port } = await simulate();
    const relay = await startRelay(port);
    closers.push(() => relay.close());
    relay.goSilent();
    const { governor, events } = govern(relay.port, apns.caPem, { connectTimeoutMs: 40 });
    governor.start();
    await eventually(() => events.includes('connection.lost'));
  });

  test('the connection is dropped in the middle: what waited goes out on the next one', async () => {
    const { apns, port } = await simulate({ latencyMs: 10 });
    const { governor } = govern(port, apns.caPem, { maxInFlight: 20 });
    const seen: ApnsAnswer[] = [];
    const all = Promise.all(range(100).map((number) => pushUntilSent(governor, number, seen)));
    await eventually(() => apns.acceptedCount() >= 30);
    apns.dropConnections();
    await all;
    expect(apns.distinctAccepted()).toBe(100);
    expect(governor.connects()).toBe(2);
    const unknown = seen.filter((answer) => !answer.answered && answer.sent === 'unknown');
    expect(unknown.length).toBeLessThanOrEqual(20);
  });

  test('while bulk saturates the window, an urgent request starts at once', async () => {
    const gates: Array<() => void> = [];
    const server = await startScriptedServer(
      20,
      acceptAfter(() => new Promise<void>((resolve) => gates.push(resolve))),
    );
    closers.push(() => server.close());
    const { governor } = govern(server.port, server.caPem);
    const all = range(60).map((number) => push(governor, number));
    await eventually(() => gates.length === 1);
    gates.shift()!();
    await eventually(() => gates.length === 18);
    expect(governor.tryAcquire('bulk')).toBe(false);
    const alert = push(governor, 99, 'aa', 'urgent');
    await eventually(() => gates.length === 19);
    gates.pop()!();
    expect(await alert).toMatchObject({ status: 200 });
    const pump = setInterval(() => openAll(gates), 1);
    await Promise.all(all).finally(() => clearInterval(pump));
  });

  test('close: the open requests are answered, waiting ones are turned away, the connection ends', async () => {
    const { apns, port } = await simulate();
    const { governor, states } = govern(port, apns.caPem, { maxInFlight: 10 });
    await push(governor, 0);
    apns.setLatency(50);
    const pushes = range(20).map((number) => push(governor, number + 1));
    await eventually(() => apns.requestCount() === 10);
    const closed = governor.close(5_000);
    const ends = await Promise.allSettled(pushes);
    await closed;
    expect(ends.filter((end) => end.status === 'fulfilled' && wasAccepted(end.value))).toHaveLength(9);
    expect(ends.filter((end) => end.status === 'rejected')).toHaveLength(11);
    expect(states.slice(-2)).toEqual(['draining', 'stopped']);
    await expect(governor.acquire('urgent')).rejects.toMatchObject({ code: 'PUSHFLEET_GOVERNOR_CLOSED' });
    await eventually(() => apns.connections() === 0);
  });

  test('close destroys at its deadline what does not end', async () => {
    const { apns, port } = await simulate();
    apns.script('device 10* silence');
    const { governor } = govern(port, apns.caPem);
    await push(governor, 0);
    const flying = push(governor, 1, '10');
    await eventually(() => apns.requestCount() === 2);
    await governor.close(50);
    expect(await flying).toMatchObject({ answered: false, sent: 'unknown' });
    expect(governor.state()).toBe('stopped');
  });
});
