import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { insertGroup, insertNotifications, insertTokens, range } from '../harness/backend-rows.ts';
import { deviceToken, type Fleet, startFleet } from '../harness/fleet.ts';
import type { FleetProcess } from '../harness/fleet-process.ts';
import { until } from '../harness/worker-fleet.ts';

const RECIPIENTS = 5_000;
let fleet: Fleet;
let producer: FleetProcess;

beforeAll(async () => {
  // Slow enough that most of it waits when the brake acts; both reasons would retire.
  fleet = await startFleet({
    environment: {
      PUSHFLEET_RATE_PER_SECOND: '700',
      PUSHFLEET_BATCH_SIZE: '200',
      PUSHFLEET_RETIRE_REASONS: 'Unregistered,ExpiredToken,BadDeviceToken,DeviceTokenNotForTopic',
    },
  });
  await insertTokens(
    fleet.database,
    range(1, RECIPIENTS).map((id) => ({ id, deviceToken: deviceToken(id) })),
  );
  await insertGroup(fleet.database, 1, range(1, RECIPIENTS));
  await insertGroup(fleet.database, 2, range(1, 600));
  await insertGroup(fleet.database, 3, range(4_001, 4_600));
  producer = await fleet.startProducer();
  await Promise.all([fleet.startWorker(), fleet.startWorker()]);
}, 180_000);
afterAll(() => fleet?.stop(), 60_000);

function isHeld(id: number): Promise<unknown> {
  return until(
    () =>
      fleet.database.query<{ state: string }>(
        'SELECT state FROM pushfleet_dispatch WHERE notification_id = ?',
        [id],
      ),
    ([row]) => row?.state === 'held',
    15_000,
  );
}

async function inRedis(id: number): Promise<number> {
  const [row] = await fleet.database.query<{ n: number }>(
    "SELECT COUNT(*) AS n FROM pushfleet_batch b JOIN pushfleet_dispatch d ON d.id = b.dispatch_id WHERE d.notification_id = ? AND b.state = 'queued'",
    [id],
  );
  return Number(row!.n);
}

async function inactive(): Promise<number> {
  const [row] = await fleet.database.query<{ n: number }>('SELECT COUNT(*) AS n FROM token WHERE active = 0');
  return Number(row!.n);
}

test('F12: too many BadDeviceToken hold the notification: it leaves Redis, nothing is retired, it pages, another one goes on', async () => {
  const { simulator } = fleet;
  simulator.script('device * answer 400 BadDeviceToken');
  await insertNotifications(fleet.database, [{ id: 1, groupIds: [1] }]);
  await isHeld(1);
  await until(
    () => inRedis(1),
    (n) => n === 0,
    15_000,
  );
  const sent = simulator.requestCount();
  simulator.script('');
  await insertNotifications(fleet.database, [{ id: 2, tokenIds: [1, 2, 3], groupIds: [2] }]);
  await fleet.ended([2]);
  expect(await fleet.status(2)).toMatchObject({ state: 'done', accepted: 600 });
  expect(simulator.requestCount()).toBe(sent + 600);
  const held = await fleet.status(1);
  expect(held).toMatchObject({
    state: 'held',
    accepted: 0,
    error: expect.stringContaining('BadDeviceToken'),
  });
  expect(held.rejected).toBeGreaterThanOrEqual(100);
  expect(held.rejected + held.pending).toBe(RECIPIENTS);
  expect(await inactive()).toBe(0);
  expect(producer.output().split('"notification.held"').length - 1).toBe(1);
  const { stdout } = await fleet.run(['status', '--json']);
  expect(JSON.parse(stdout).apps[0]).toMatchObject({ heldNotifications: 1 });
}, 180_000);

test('resume ID sends the rest, and it is not held again for the same reason', async () => {
  const before = await fleet.status(1);
  expect(await fleet.run(['resume', '1'])).toMatchObject({ exitCode: 0 });
  await fleet.ended([1]);
  const after = await fleet.status(1);
  expect(after).toMatchObject({
    state: 'done',
    rejected: before.rejected,
    accepted: before.pending,
    error: null,
  });
  expect((await fleet.run(['resume', '1'])).exitCode).toBe(1);
  // The operator has said that these refusals are right.
  await until(inactive, (n) => n === before.rejected, 15_000);
}, 180_000);

test('a held one is cancelled by cancel ID, another ends at its deadline; what they were refused retires nothing', async () => {
  const retired = await inactive();
  const { simulator } = fleet;
  simulator.script('device * answer 400 DeviceTokenNotForTopic');
  await insertNotifications(fleet.database, [
    { id: 3, groupIds: [1] },
    { id: 4, groupIds: [1] },
  ]);
  await Promise.all([isHeld(3), isHeld(4)]);
  expect(await fleet.run(['cancel', '3'])).toMatchObject({ exitCode: 0 });
  await fleet.database.query(
    'UPDATE pushfleet_dispatch SET deadline = UTC_TIMESTAMP(3) WHERE notification_id = 4',
  );
  await fleet.ended([3, 4]);
  expect(await fleet.status(3)).toMatchObject({ state: 'cancelled', accepted: 0, pending: 0 });
  const expired = await fleet.status(4);
  expect(expired).toMatchObject({ state: 'expired', accepted: 0, pending: 0 });
  expect(expired.expired).toBeGreaterThan(0);
  expect(await inactive()).toBe(retired);
}, 180_000);

test('410s alone hold nothing, however many', async () => {
  const held = producer.output().split('"notification.held"').length;
  fleet.simulator.script('device * answer 410 Unregistered');
  await insertNotifications(fleet.database, [{ id: 5, groupIds: [3] }]);
  await fleet.ended([5]);
  const { state, recipients, retired } = await fleet.status(5);
  expect([state, retired]).toEqual(['done', recipients]); // all but those that were retired above
  expect(retired).toBeGreaterThan(200);
  expect(producer.output().split('"notification.held"').length).toBe(held);
}, 180_000);
