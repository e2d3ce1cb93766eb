import { writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { makeServerCertificate } from '@pushfleet/apns-simulator/certificate';
import { findFreePort } from '@pushfleet/local-servers/free-port';
import { insertGroup, insertNotifications, insertTokens, range } from '../harness/backend-rows.ts';
import { deviceToken, type Fleet, startFleet } from '../harness/fleet.ts';
import type { FleetProcess } from '../harness/fleet-process.ts';
import { untilTrue } from '../harness/wait.ts';

const RECIPIENTS = 400;
const STREAMS = 40;
/** An attempt that trouble with a connection costs fails its recipient, and the test sees it. */
const ONE_ATTEMPT = { PUSHFLEET_MAX_ATTEMPTS: '1' };
let fleet: Fleet;
let id = 0;
const workers: FleetProcess[] = [];

beforeAll(async () => {
  fleet = await startFleet({
    simulator: { latencyMs: 5, streamLimit: STREAMS },
    environment: { PUSHFLEET_BATCH_SIZE: '100' },
  });
  await insertTokens(
    fleet.database,
    range(1, RECIPIENTS).map((one) => ({ id: one, deviceToken: deviceToken(one) })),
  );
  await insertGroup(fleet.database, 1, range(1, RECIPIENTS));
  await fleet.startProducer();
}, 180_000);
afterEach(async () => {
  await Promise.all(workers.splice(0).map((one) => one.stop()));
  fleet.simulator.setStreamLimit(STREAMS);
  fleet.simulator.reset();
}, 180_000);
afterAll(() => fleet?.stop(), 60_000);

async function start(environment: Record<string, string>): Promise<FleetProcess> {
  const worker = await fleet.startWorker(environment);
  workers.push(worker);
  return worker;
}

async function broadcast(): Promise<number> {
  await insertNotifications(fleet.database, [{ id: ++id, groupIds: [1] }]);
  return id;
}

/** Everybody is accepted; only requests whose answer was lost repeat. */
async function endsWell(notification: number, duplicatesAtMost: number): Promise<void> {
  await fleet.ended([notification]);
  expect(await fleet.status(notification)).toMatchObject({ state: 'done', accepted: RECIPIENTS, failed: 0 });
  expect(fleet.simulator.distinctAccepted()).toBe(RECIPIENTS);
  expect(fleet.simulator.acceptedCount() - RECIPIENTS).toBeLessThanOrEqual(duplicatesAtMost);
}

test.each([
  ['a storm of graceful GOAWAYs', 'every 60 requests goaway', 0],
  ['a storm of GOAWAYs with an error', 'every 120 requests goaway error ENHANCE_YOUR_CALM', 10 * STREAMS],
  ['connections that are cut in the middle', 'every 120 accepted drop', 10 * STREAMS],
  ['streams that are refused now and then', 'device 0* refuse times 2\ndevice 8* refuse times 1', 0],
  ['streams that are reset, each once', 'device * reset times 1', 0],
])(
  '%s: nobody is lost, and no attempt is spent',
  async (_, script, duplicates) => {
    fleet.simulator.script(script);
    await Promise.all([start(ONE_ATTEMPT), start(ONE_ATTEMPT)]);
    await endsWell(await broadcast(), duplicates);
  },
  90_000,
);

test('a stream limit that falls to 1 and rises again', async () => {
  const { simulator } = fleet;
  await start(ONE_ATTEMPT);
  const notification = await broadcast();
  await untilTrue(
    () => simulator.acceptedCount(),
    (accepted) => accepted > 40,
  );
  simulator.setStreamLimit(1);
  const fallen = simulator.acceptedCount();
  await untilTrue(
    () => simulator.acceptedCount(),
    (accepted) => accepted > fallen + STREAMS + 20,
  );
  simulator.setStreamLimit(STREAMS);
  await endsWell(notification, 0);
}, 180_000);

test('a peer that falls silent in the middle of a batch: its connection is replaced', async () => {
  const { simulator } = fleet;
  simulator.script('device 0* silence times 1\ndevice 1* silence times 1');
  await start(ONE_ATTEMPT);
  const connects = simulator.connects();
  const notification = await broadcast();
  // Whatever else was open on the connection is without an answer, too.
  await endsWell(notification, 3 * STREAMS);
  const { resentWithoutAnswer } = await fleet.status(notification);
  expect(resentWithoutAnswer).toBeGreaterThan(0);
  expect(simulator.connects() - connects).toBeGreaterThan(0);
}, 180_000);

test('500s that stick to a connection: it is replaced, and all are accepted by the next', async () => {
  const { simulator } = fleet;
  simulator.script('after 100 requests stick 500 InternalServerError');
  await start({ PUSHFLEET_MAX_ATTEMPTS: '4', PUSHFLEET_RETRY_DELAYS: '500ms' });
  const connects = simulator.connects();
  await endsWell(await broadcast(), 0);
  expect(simulator.connects() - connects).toBeGreaterThan(0);
}, 180_000);

test('nothing listens: it says so, tries again more and more slowly, spends no attempt; later it goes on', async () => {
  const port = await findFreePort();
  const worker = await start({ ...ONE_ATTEMPT, PUSHFLEET_APNS_URL: `https://127.0.0.1:${port}` });
  const notification = await broadcast();
  await worker.printed('ECONNREFUSED');
  await untilTrue(
    () => fleet.status(notification),
    ({ recipients }) => recipients === RECIPIENTS,
  );
  await new Promise((resolve) => setTimeout(resolve, 4_000));
  expect(worker.output().split('ECONNREFUSED').length).toBeLessThan(40);
  expect(await fleet.status(notification)).toMatchObject({ pending: RECIPIENTS, failed: 0 });
  expect(worker.output()).toContain('"lanes.closed"');
  // Another worker, of the same fleet, that reaches it.
  await start(ONE_ATTEMPT);
  await endsWell(notification, 0);
}, 180_000);

test('a certificate of another CA: nothing is sent to it, and the log names the setting', async () => {
  const { certificatePem } = await makeServerCertificate([]);
  const file = join(tmpdir(), `pushfleet-other-ca-${process.pid}.pem`);
  writeFileSync(file, certificatePem);
  const worker = await start({ ...ONE_ATTEMPT, PUSHFLEET_APNS_CA_FILE: file });
  const notification = await broadcast();
  await worker.printed('is PUSHFLEET_APNS_CA_FILE the CA of the server');
  await new Promise((resolve) => setTimeout(resolve, 2_000));
  expect(fleet.simulator.requestCount()).toBe(0);
  expect(await fleet.status(notification)).toMatchObject({ pending: RECIPIENTS, failed: 0 });
  await worker.stop();
  await start(ONE_ATTEMPT);
  await endsWell(notification, 0);
}, 180_000);
