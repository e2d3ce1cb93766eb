import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { insertGroup, insertNotifications, insertTokens, range } from '../harness/backend-rows.ts';
import { deviceToken, type Fleet, startFleet } from '../harness/fleet.ts';
import type { FleetProcess } from '../harness/fleet-process.ts';
import { untilTrue } from '../harness/wait.ts';

const RECIPIENTS = 4_000;
const QUEUE_LIMIT = 1_000;
/** Without the rule of an outage everybody in Redis would have used them up in nine seconds. */
const ATTEMPTS = { PUSHFLEET_MAX_ATTEMPTS: '4', PUSHFLEET_RETRY_DELAYS: '3s' };
let fleet: Fleet;
let workers: FleetProcess[];

beforeAll(async () => {
  fleet = await startFleet({
    environment: { ...ATTEMPTS, PUSHFLEET_QUEUE_LIMIT: String(QUEUE_LIMIT), PUSHFLEET_BATCH_SIZE: '200' },
  });
  await insertTokens(
    fleet.database,
    range(1, RECIPIENTS).map((id) => ({ id, deviceToken: deviceToken(id) })),
  );
  await insertGroup(fleet.database, 1, range(1, RECIPIENTS));
  await fleet.startProducer();
  workers = await Promise.all([fleet.startWorker(), fleet.startWorker()]);
}, 180_000);
afterAll(() => fleet?.stop(), 60_000);

test('503 for longer than all attempts take: sending stops, nobody fails, Redis holds no more than its limit', async () => {
  const { simulator } = fleet;
  simulator.script('device * answer 503 ServiceUnavailable');
  await insertNotifications(fleet.database, [{ id: 1, groupIds: [1] }]);
  await untilTrue(
    () => workers.some((worker) => worker.output().includes('"apns.unavailable"')),
    (isOutage) => isOutage,
    40_000,
  );
  // One probe at growing intervals is all that APNs gets.
  const begun = Date.now();
  const requests = simulator.requestCount();
  await untilTrue(
    () => Date.now(),
    (now) => now > begun + 12_000,
  );
  expect(simulator.requestCount() - requests).toBeLessThan(60);
  const [queued] = await fleet.database.query<{ n: number }>(
    "SELECT COALESCE(SUM(size), 0) + 0 AS n FROM pushfleet_batch WHERE state = 'queued'",
  );
  expect(Number(queued!.n)).toBeLessThanOrEqual(QUEUE_LIMIT + 200);
  expect(await fleet.status(1)).toMatchObject({ state: 'sending', failed: 0, pending: RECIPIENTS });

  simulator.script('');
  await fleet.ended([1]);
  expect(await fleet.status(1)).toMatchObject({ state: 'done', accepted: RECIPIENTS, failed: 0 });
  expect(simulator.acceptedCount()).toBe(RECIPIENTS);
}, 180_000);
