import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { insertNotifications, insertTokens, range, utcNow } from '../harness/backend-rows.ts';
import { deviceToken, type Fleet, startFleet } from '../harness/fleet.ts';

let fleet: Fleet;

beforeAll(async () => {
  fleet = await startFleet();
});
afterAll(() => fleet?.stop(), 60_000);

test('F13: an alert that comes after a flood of single pushes overtakes it', async () => {
  const { database, simulator } = fleet;
  const flood = range(1, 5_000);
  await insertTokens(
    database,
    range(1, 5_001).map((id) => ({ id, deviceToken: deviceToken(id) })),
  );
  await fleet.startProducer();
  // Of another second than the alert, however fast the machine is.
  const due = utcNow(-2_000);
  await insertNotifications(
    database,
    flood.map((id) => ({ id, due, tokenIds: [id] })),
  );
  await fleet.startWorker({ PUSHFLEET_MAX_IN_FLIGHT: '5' });
  await insertNotifications(database, [{ id: 9_999, message: 'alert', due: utcNow(), tokenIds: [5_001] }]);
  await fleet.ended([...flood, 9_999], 120_000);
  const order = simulator.accepted().map((push) => push.deviceToken);
  expect(order).toHaveLength(5_001);
  expect(new Set(order).size).toBe(5_001);
  // Where it stands depends on how far the flood was when it came; never behind it.
  const behind = order.length - 1 - order.indexOf(deviceToken(5_001));
  expect(behind).toBeGreaterThan(500);
  const lanes = await database.query<{ lane: string; n: number }>(
    'SELECT lane, COUNT(*) AS n FROM pushfleet_dispatch WHERE notification_id <= 5000 GROUP BY lane ORDER BY lane',
  );
  expect(lanes).toEqual([
    { lane: 'bulk', n: 4_800 },
    { lane: 'urgent', n: 200 },
  ]);
  const [alert] = await database.query('SELECT lane FROM pushfleet_dispatch WHERE notification_id = 9999');
  expect(alert).toEqual({ lane: 'urgent' });
}, 180_000);
