import { writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { makeSigningKey } from '@pushfleet/apns-simulator/test-client';
import { findFreePort } from '@pushfleet/local-servers/free-port';
import { Redis } from 'ioredis';
import { insertGroup, insertNotifications, insertTokens, range } from '../harness/backend-rows.ts';
import { deviceToken, type Fleet, startFleet } from '../harness/fleet.ts';
import type { FleetProcess } from '../harness/fleet-process.ts';
import { until } from '../harness/worker-fleet.ts';

const RECIPIENTS = 3_000;
let fleet: Fleet;
let producer: FleetProcess;
let port: number;

beforeAll(async () => {
  // An attempt that is burned fails its recipient, and each test would see it.
  fleet = await startFleet({ environment: { PUSHFLEET_MAX_ATTEMPTS: '1' } });
  await insertTokens(
    fleet.database,
    range(1, RECIPIENTS).map((id) => ({ id, deviceToken: deviceToken(id) })),
  );
  await insertGroup(fleet.database, 1, range(1, RECIPIENTS));
  port = await findFreePort();
  producer = await fleet.startProducer({ PUSHFLEET_HTTP_PORT: String(port) });
  await Promise.all([fleet.startWorker(), fleet.startWorker()]);
}, 180_000);
afterAll(() => fleet?.stop(), 60_000);

interface Stopped {
  readonly since: string;
  readonly reason: string;
  readonly credential: string;
  readonly topic: string | null;
}

async function app(): Promise<{ paused: boolean; stopped: Stopped[] }> {
  const { stdout } = await fleet.run(['status', '--json']);
  return JSON.parse(stdout).apps[0];
}

function stoppedFor(reason: string): Promise<unknown> {
  return until(
    () => fleet.database.query<{ breaker: string | null }>('SELECT breaker FROM pushfleet_app'),
    ([row]) => row?.breaker?.includes(`"${reason}"`) === true,
    15_000,
  );
}

function pages(): number {
  return producer.output().split('"app.stopped"').length - 1;
}

test('F14: a refused credential stops every worker that has it, pages once, and one of them probes at growing intervals', async () => {
  const { simulator } = fleet;
  // Slow answers: whoever else may probe has the time to.
  simulator.script('device * delay 600ms answer 403 InvalidProviderToken');
  await insertNotifications(fleet.database, [{ id: 1, groupIds: [1] }]);
  await stoppedFor('InvalidProviderToken');
  await sleep(5_500);
  // One by each worker at first, then one alone after 1 s, 2 s and 5 s, whoever sends it.
  const times = simulator.requests().map(({ atMs }) => atMs);
  const probes = times.filter((at) => at > times[0]! + 900);
  expect(times.length - probes.length).toBeLessThanOrEqual(2);
  expect(probes.length).toBeGreaterThanOrEqual(2);
  const gaps = probes.slice(1).map((at, i) => at - probes[i]!);
  expect(Math.min(...gaps)).toBeGreaterThan(2_000);
  expect(pages()).toBe(1);
  const { paused, stopped } = await app();
  expect([paused, stopped]).toEqual([
    false,
    [
      {
        since: expect.stringMatching(/^20\d\d-/),
        reason: 'InvalidProviderToken',
        credential: expect.stringMatching(/^[0-9a-f]{16}$/),
        topic: null,
      },
    ],
  ]);
  const metrics = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  expect(metrics).toMatch(/pushfleet_paused\{app="default",cause="breaker"\} 1/);
  expect(metrics).toMatch(/pushfleet_paused\{app="default",cause="operator"\} 0/);
}, 180_000);

test('F9, F14: Redis loses everything while it is open: it stays open, and the page is not repeated', async () => {
  const redis = new Redis(fleet.environment.PUSHFLEET_REDIS_URL!);
  await redis.del(`{${fleet.redisPrefix}-default}:breakers`);
  await until(
    () => redis.hkeys(`{${fleet.redisPrefix}-default}:breakers`),
    (names) => names.length === 2,
  );
  redis.disconnect();
  expect(fleet.simulator.acceptedCount()).toBe(0);
  expect(pages()).toBe(1);
}, 180_000);

test('F14: a pause and a breaker are two things: mended and paused sends nothing, resume lets both go', async () => {
  const { simulator } = fleet;
  await fleet.pause();
  simulator.script('');
  await sleep(3_000);
  expect(simulator.acceptedCount()).toBe(0);
  const { paused, stopped } = await app();
  expect([paused, stopped.length]).toEqual([true, 1]);
  expect(await fleet.run(['resume'])).toMatchObject({ exitCode: 0 });
  await fleet.ended([1]);
  expect(await fleet.status(1)).toMatchObject({ state: 'done', accepted: RECIPIENTS, failed: 0 });
  expect((await app()).stopped).toEqual([]);
}, 180_000);

test.each([
  ['400', 'TopicDisallowed'],
  ['403', 'BadCertificate'],
  ['403', 'BadEnvironmentKeyIdInToken'],
  ['429', 'TooManyProviderTokenUpdates'],
])(
  '%s %s stops the credential, burns no attempt, and resumes by itself once it is mended',
  async (status, reason) => {
    const id = 10 + ['TopicDisallowed', 'BadCertificate', 'BadEnvironmentKeyIdInToken'].indexOf(reason);
    fleet.simulator.script(`device * answer ${status} ${reason}`);
    await insertNotifications(fleet.database, [{ id, tokenIds: range(1, 50) }]);
    await stoppedFor(reason);
    fleet.simulator.script('');
    await fleet.ended([id]);
    expect(await fleet.status(id)).toMatchObject({ state: 'done', accepted: 50, failed: 0 });
  },
  40_000,
);

test('F14: a worker with a stale key file stops alone, also under the same key id; the others go on', async () => {
  const { simulator } = fleet;
  const file = join(tmpdir(), `${fleet.redisPrefix}-stale.p8`);
  writeFileSync(file, makeSigningKey().privateKeyPem, { mode: 0o600 });
  const stale = await fleet.startWorker({ PUSHFLEET_APNS_KEY_FILE: file });
  const digest = /"credentialDigest":"([0-9a-f]{16})"/.exec(stale.output())![1];
  simulator.reset();
  const ids = range(20, 39);
  await insertNotifications(
    fleet.database,
    ids.map((id) => ({ id, groupIds: [1] })),
  );
  await fleet.ended(ids);
  expect(simulator.acceptedCount()).toBe(ids.length * RECIPIENTS);
  expect(simulator.answers()['403 InvalidProviderToken'] ?? 0).toBeGreaterThanOrEqual(1);
  expect(simulator.answers()['403 InvalidProviderToken']).toBeLessThanOrEqual(6);
  expect((await app()).stopped).toMatchObject([{ credential: digest, topic: null }]);
}, 180_000);
