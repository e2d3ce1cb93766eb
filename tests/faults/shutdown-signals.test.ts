import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { startRelay } from '../harness/apns-peers.ts';
import { insertGroup, insertNotifications, insertTokens, range } from '../harness/backend-rows.ts';
import { endAll } from '../harness/doomed-fleet.ts';
import { deviceToken, type Fleet, startFleet } from '../harness/fleet.ts';
import { within } from '../harness/time-limit.ts';
import { untilTrue } from '../harness/wait.ts';

const RECIPIENTS = 1_000;
const PER_SECOND = 1_000;
const STREAMS = 50;
/** What no checkpoint holds (100 ms and one on its way), and what is in flight. */
const DUPLICATES_AT_MOST = PER_SECOND * 0.3 + STREAMS;

type Relay = Awaited<ReturnType<typeof startRelay>>;
let fleet: Fleet;
let lines: Relay[] = [];

beforeAll(async () => {
  fleet = await startFleet({
    simulator: { latencyMs: 20, streamLimit: STREAMS },
    environment: {
      PUSHFLEET_RATE_PER_SECOND: String(PER_SECOND),
      PUSHFLEET_URGENT_MAX_RECIPIENTS: '0',
      PUSHFLEET_BATCH_SIZE: '100',
    },
  });
  for (const id of [1, 2, 3]) {
    const ids = range((id - 1) * RECIPIENTS + 1, id * RECIPIENTS);
    await insertTokens(
      fleet.database,
      ids.map((token) => ({ id: token, deviceToken: deviceToken(token) })),
    );
    await insertGroup(fleet.database, id, ids);
  }
}, 180_000);
afterEach(async () => {
  await Promise.all(lines.map((line) => line.close()));
  lines = [];
});
afterAll(() => fleet?.stop(), 60_000);

/** Producer and worker in the middle of the broadcast to this group. */
async function inTheMiddleOf(group: number, environment: Record<string, string> = {}) {
  const [producer, worker] = await Promise.all([
    fleet.startProducer(environment),
    fleet.startWorker(environment),
  ]);
  const before = fleet.simulator.acceptedCount();
  await insertNotifications(fleet.database, [{ id: group, groupIds: [group] }]);
  await untilTrue(
    () => fleet.simulator.acceptedCount(),
    (count) => count > before + RECIPIENTS / 5,
  );
  return { producer, worker };
}

/** The same address by a line that can fall silent. */
async function byLine(address: string): Promise<string> {
  const url = new URL(address);
  const line = await startRelay(Number(url.port));
  lines.push(line);
  return address.replace(`:${url.port}`, `:${line.port}`);
}

test('a second SIGTERM ends at once with 1 what would wait for silent servers', async () => {
  const { environment } = fleet;
  const { producer, worker } = await inTheMiddleOf(1, {
    PUSHFLEET_MYSQL_URL: await byLine(environment.PUSHFLEET_MYSQL_URL!),
    PUSHFLEET_REDIS_URL: await byLine(environment.PUSHFLEET_REDIS_URL!),
    PUSHFLEET_APNS_URL: await byLine(environment.PUSHFLEET_APNS_URL!),
  });
  for (const line of lines) line.goSilent();
  producer.kill('SIGTERM');
  worker.kill('SIGTERM');
  await Promise.all([producer.printed('"process.stopping"'), worker.printed('"process.stopping"')]);
  const ended = await endAll({ producer, worker }, 'SIGTERM', 15_000);
  expect(ended.map(({ name, code }) => [name, code])).toEqual([
    ['producer', 1],
    ['worker', 1],
  ]);
  for (const { ms } of ended) expect(ms).toBeLessThan(within(1_000));
  expect(producer.output()).toContain('"process.stopNow"');
  expect(worker.output()).toContain('"process.stopNow"');
}, 180_000);

test('SIGKILL of producer and worker in the middle of a broadcast', async () => {
  const ended = await endAll(await inTheMiddleOf(2), 'SIGKILL', 5_000);
  expect(ended.map(({ code }) => code)).toEqual(['SIGKILL', 'SIGKILL']);
}, 180_000);

test('SIGINT is SIGTERM: 0, and nobody gets it twice', async () => {
  const before = fleet.simulator.acceptedCount();
  const ended = await endAll(await inTheMiddleOf(3), 'SIGINT', 15_000);
  expect(ended.map(({ code }) => code)).toEqual([0, 0]);
  expect(fleet.simulator.acceptedCount() - before).toBeGreaterThan(RECIPIENTS / 5);
}, 180_000);

test('after all of it nobody is missing, and repeats are within the bound', async () => {
  await Promise.all([fleet.startProducer(), fleet.startWorker()]);
  await fleet.ended([1, 2, 3]);
  const { simulator } = fleet;
  expect(simulator.distinctAccepted()).toBe(3 * RECIPIENTS);
  expect(simulator.acceptedCount() - 3 * RECIPIENTS).toBeLessThanOrEqual(2 * DUPLICATES_AT_MOST);
  for (const id of [1, 2, 3])
    expect(await fleet.status(id)).toMatchObject({ state: 'done', accepted: RECIPIENTS, pending: 0 });
  // The one that was interrupted in order: each device token of it once.
  const third = new Set(range(2 * RECIPIENTS + 1, 3 * RECIPIENTS).map(deviceToken));
  const pushes = simulator.accepted().filter((push) => third.has(push.deviceToken));
  expect(pushes.length).toBe(RECIPIENTS);
}, 180_000);
