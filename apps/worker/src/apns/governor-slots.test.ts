import { getEventListeners } from 'node:events';
import { afterEach, expect, test } from '@jest/globals';
import type { Lane } from '@pushfleet/shared/domain/lanes';
import { aPush, eventually } from '../../../../tests/harness/apns-peers.ts';
import { governedAnswer } from '../../../../tests/harness/connectors.ts';
import type { ApnsConnection, ApnsRequest, ConnectionEvent, Settle } from './apns-connection.ts';
import {
  type ConnectionGovernor,
  createConnectionGovernor,
  type GovernorOptions,
} from './connection-governor.ts';

/** A connection that the test answers for. */
class PuppetConnection implements ApnsConnection {
  streamLimit = 0;
  isWindowFull = false;
  readonly answers: Settle[] = [];
  destroyed: string | undefined;
  #listeners: Array<(event: ConnectionEvent) => void> = [];
  #ready!: () => void;
  readonly ready = new Promise<void>((resolve) => {
    this.#ready = resolve;
  });
  becomeReady(streamLimit: number) {
    this.streamLimit = streamLimit;
    this.#ready();
  }
  tell(event: ConnectionEvent) {
    for (const listener of this.#listeners) listener(event);
  }
  send(_request: ApnsRequest, _timeoutMs: number, settle: Settle) {
    this.answers.push(settle);
  }
  accept(count = 1) {
    for (const answer of this.answers.splice(0, count)) answer({ answered: true, status: 200, reason: '' });
  }
  async ping() {}
  async drain() {
    if (this.answers.length === 0) this.destroy('drained');
  }
  destroy(why: string) {
    if (this.destroyed !== undefined) return;
    this.destroyed = why;
    for (const answer of this.answers.splice(0)) answer({ answered: false, sent: 'unknown', detail: why });
    this.tell({ type: 'dead', detail: why });
  }
  on(listener: (event: ConnectionEvent) => void) {
    this.#listeners.push(listener);
  }
  lastReadAt() {
    return performance.now();
  }
}

let puppets: PuppetConnection[];
let governor: ConnectionGovernor;
let warnings: string[];
afterEach(() => governor.close(0));

function govern(options: Partial<GovernorOptions> = {}): void {
  puppets = [];
  warnings = [];
  const note = (facts: object) => void warnings.push((facts as { event: string }).event);
  governor = createConnectionGovernor({
    open: () => {
      puppets.push(new PuppetConnection());
      return puppets.at(-1)!;
    },
    maxInFlight: 10,
    random: () => 0,
    log: { debug() {}, info() {}, warn: note, error: note },
    ...options,
  });
}

/** A governor whose connection is warm, with nothing in flight. */
async function governWarm(
  options: Partial<GovernorOptions> = {},
  streamLimit = 1_000,
): Promise<PuppetConnection> {
  govern(options);
  const first = governor.acquire('urgent');
  await eventually(() => puppets.length === 1);
  puppets[0]!.becomeReady(streamLimit);
  await first;
  const answer = governedAnswer(governor, aPush(1));
  puppets[0]!.accept();
  await answer;
  return puppets[0]!;
}

function takeAll(lane: Lane): number {
  let taken = 0;
  while (governor.tryAcquire(lane)) taken++;
  return taken;
}

test('it connects at the first acquire, not before, and tryAcquire alone does not', async () => {
  govern();
  expect(governor.tryAcquire('urgent')).toBe(false);
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(governor.connects()).toBe(0);
  governor.acquire('bulk').catch(() => {});
  await eventually(() => governor.connects() === 1);
});

test('held slots count: nine bulk ones of ten, then one urgent, then none', async () => {
  await governWarm();
  expect([takeAll('bulk'), takeAll('urgent'), takeAll('bulk')]).toEqual([9, 1, 0]);
  governor.release('bulk');
  expect([governor.tryAcquire('bulk'), governor.tryAcquire('urgent')]).toEqual([false, true]);
});

test('while the window of octets is full bulk gets no slot and an alert does; bulk goes on when there is room', async () => {
  const connection = await governWarm();
  connection.isWindowFull = true;
  expect([takeAll('bulk'), governor.tryAcquire('urgent')]).toEqual([0, true]);
  let isGranted = false;
  const waiting = governor.acquire('bulk').then(() => {
    isGranted = true;
  });
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(isGranted).toBe(false);
  connection.isWindowFull = false;
  await waiting; // without an answer: nobody tells that there is room
});

test('while alerts come and the event loop is busy bulk is held back, an alert is not', async () => {
  await governWarm({ maxInFlight: 100_000, busyShare: () => 1 }, 100_000);
  const startSome = () => {
    let started = 0;
    while (started < 50 && governor.tryAcquire('bulk')) started++;
    return started;
  };
  expect([governor.tryAcquire('urgent'), startSome()]).toEqual([true, 50]);
  await eventually(() => governor.tryAcquire('urgent') && startSome() < 50);
  governor.release('bulk');
  expect(governor.tryAcquire('bulk')).toBe(true); // what one gave back another may start
  expect(governor.tryAcquire('urgent')).toBe(true);
  await governor.acquire('bulk'); // without an answer: nobody tells that it may go on
});

test('whoever waits is served in order, urgent first', async () => {
  await governWarm();
  takeAll('bulk');
  takeAll('urgent');
  const order: string[] = [];
  for (const [name, lane] of [
    ['b1', 'bulk'],
    ['b2', 'bulk'],
    ['u1', 'urgent'],
    ['u2', 'urgent'],
  ] as const) {
    governor.acquire(lane).then(
      () => order.push(name),
      () => {},
    );
  }
  for (let count = 0; count < 5; count++) governor.release('bulk');
  await eventually(() => order.length === 4);
  expect(order).toEqual(['u1', 'u2', 'b1', 'b2']);
});

test('a slot that an answer has freed is for who waits, not for who comes at that moment', async () => {
  const connection = await governWarm();
  expect(governor.tryAcquire('bulk')).toBe(true);
  governor.send(aPush(2), () => {});
  takeAll('bulk');
  const waiting = governor.acquire('bulk');
  connection.accept();
  expect(governor.tryAcquire('bulk')).toBe(false);
  await waiting;
});

test('of a window of one, the next slot is for the urgent waiter, though bulk came first', async () => {
  await governWarm({ maxInFlight: 1 });
  await governor.acquire('bulk');
  const order: string[] = [];
  const bulk = governor.acquire('bulk').then(() => order.push('bulk'));
  const urgent = governor.acquire('urgent').then(() => order.push('urgent'));
  governor.release('bulk');
  await urgent;
  governor.release('bulk');
  await bulk;
  expect(order).toEqual(['urgent', 'bulk']);
});

test('a waiter whose signal aborts is gone: it rejects with the reason and takes no slot', async () => {
  await governWarm();
  takeAll('urgent');
  const stop = new AbortController();
  const reason = new Error('the lock was lost');
  const waiting = governor.acquire('urgent', stop.signal);
  stop.abort(reason);
  await expect(waiting).rejects.toBe(reason);
  await expect(governor.acquire('urgent', stop.signal)).rejects.toBe(reason);
  governor.release('bulk');
  expect(takeAll('urgent')).toBe(1);
});

test('a signal that is used for many acquires keeps no listeners', async () => {
  await governWarm();
  takeAll('urgent');
  const { signal } = new AbortController();
  const waiting = Array.from({ length: 5 }, () => governor.acquire('urgent', signal));
  expect(getEventListeners(signal, 'abort')).toHaveLength(5);
  for (let count = 0; count < 5; count++) governor.release('bulk');
  await Promise.all(waiting);
  expect(getEventListeners(signal, 'abort')).toHaveLength(0);
});

test('a slot acquired on a connection that died since is answered "not sent"', async () => {
  const connection = await governWarm();
  await governor.acquire('bulk');
  connection.destroy('gone');
  expect(await governedAnswer(governor, aPush(2))).toMatchObject({ answered: false, sent: 'no' });
  await eventually(() => puppets.length === 2);
  puppets[1]!.becomeReady(1000);
  await eventually(() => governor.state() === 'probing');
  expect(takeAll('urgent')).toBe(1);
});

test('when the limit falls between acquire and send, the surplus is answered "not sent"', async () => {
  const connection = await governWarm();
  await governor.acquire('bulk');
  await governor.acquire('bulk');
  connection.streamLimit = 1;
  connection.tell({ type: 'streamLimit' });
  const answers = [governedAnswer(governor, aPush(1)), governedAnswer(governor, aPush(2))];
  expect(await answers[1]).toMatchObject({ answered: false, sent: 'no' });
  connection.accept();
  expect(await answers[0]).toMatchObject({ status: 200 });
});

test('a connection that dies before it is ready leaves no timer', async () => {
  const timers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
  const before = timers();
  govern();
  governor.start();
  await eventually(() => puppets.length === 1);
  puppets[0]!.destroy('refused');
  await governor.close(0);
  expect(timers()).toBe(before);
});

test('a request without a slot is not sent', async () => {
  const connection = await governWarm();
  expect(await governedAnswer(governor, aPush(2))).toMatchObject({ answered: false, sent: 'no' });
  expect(connection.answers).toHaveLength(0);
  governor.release('bulk');
  expect(takeAll('urgent')).toBe(10);
});

test('before its stream ids run out, a connection is replaced', async () => {
  const connection = await governWarm({ maxRequests: 3 });
  for (let count = 0; count < 2; count++) {
    await governor.acquire('bulk');
    const answer = governedAnswer(governor, aPush(count));
    connection.accept();
    await answer;
  }
  await eventually(() => governor.connects() === 2);
  expect(connection.destroyed).toBe('drained');
});

test('the permit is asked before each connect, and its wait is kept', async () => {
  let asked = 0;
  govern({
    async connectPermit() {
      asked++;
      return 60;
    },
  });
  const start = performance.now();
  governor.start();
  await eventually(() => governor.connects() === 1);
  expect(asked).toBe(1);
  expect(performance.now() - start).toBeGreaterThanOrEqual(58);
});

test('a permit that cannot be asked is told and does not stop the fleet', async () => {
  govern({ connectPermit: () => Promise.reject(new Error('Redis is away')) });
  governor.start();
  await eventually(() => governor.connects() === 1);
  expect(warnings).toEqual(['connection.permitFailed']);
});

test('failed connects follow each other with back-off, one at a time', async () => {
  govern();
  governor.start();
  await eventually(() => puppets.length === 1);
  puppets[0]!.destroy('refused');
  governor.start();
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect(governor.connects()).toBe(1); // 500 ms at the least
  await eventually(() => governor.connects() === 2);
});

test('an answer of the old connection says nothing about the new one', async () => {
  const old = await governWarm();
  await governor.acquire('bulk');
  const flying = governedAnswer(governor, aPush(2));
  old.tell({ type: 'goaway', code: 0, reason: '' });
  await eventually(() => puppets.length === 2);
  puppets[1]!.becomeReady(1000);
  await eventually(() => governor.state() === 'probing');
  old.accept();
  await flying;
  expect(governor.state()).toBe('probing');
  expect(takeAll('bulk')).toBe(1);
});

test('close waits for slots that are still held, and destroys a connection that is not ready', async () => {
  const connection = await governWarm();
  await governor.acquire('bulk');
  let closed = false;
  const closing = governor.close(5_000).then(() => {
    closed = true;
  });
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(closed).toBe(false);
  const answer = governedAnswer(governor, aPush(2));
  connection.accept();
  expect(await answer).toMatchObject({ status: 200 });
  await closing;

  govern();
  governor.start();
  await eventually(() => puppets.length === 1);
  const second = governor.close(30);
  await second;
  expect(puppets[0]!.destroyed).toBeDefined();
});
