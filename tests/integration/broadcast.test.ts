import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { insertGroup, insertNotifications, insertTokens, range } from '../harness/backend-rows.ts';
import { deviceToken, type Fleet, startFleet } from '../harness/fleet.ts';

let fleet: Fleet;

beforeAll(async () => {
  fleet = await startFleet();
});
afterAll(() => fleet?.stop(), 60_000);

test('100,000 recipients, two overlapping groups and direct ones, two producers and three workers: each device gets it once', async () => {
  const { database, simulator } = fleet;
  const isActive = (id: number) => !(id > 20_000 && id <= 26_000) && id % 100 !== 3;
  // 2,000 of the strings stand in a second row, half of them in another spelling.
  const twins = range(100_001, 102_000);
  const spelling = (id: number) => {
    const own = deviceToken(id - 100_000 + 30_000);
    return id % 2 === 0 ? own : `<${own.toUpperCase().match(/.{8}/g)!.join(' ')}>`;
  };
  await insertTokens(database, [
    ...range(1, 100_000).map((id) => ({ id, deviceToken: deviceToken(id), active: isActive(id) })),
    ...twins.map((id) => ({ id, deviceToken: spelling(id), active: true })),
  ]);
  await insertGroup(database, 1, range(1, 70_000));
  await insertGroup(database, 2, [...range(60_000, 100_000), ...twins]);
  await Promise.all([fleet.startProducer(), fleet.startProducer()]);
  // Workers with either session side by side, as where one of them is tried first.
  const native = { PUSHFLEET_APNS_SESSION: 'native' };
  await Promise.all([fleet.startWorker(), fleet.startWorker(native), fleet.startWorker(native)]);

  await insertNotifications(database, [{ id: 1, groupIds: [1, 2], tokenIds: range(50_000, 52_000) }]);
  await fleet.ended([1], 150_000);

  // A twin of an inactive row is active itself, so its string counts.
  const expected = new Set([
    ...range(1, 100_000).filter(isActive).map(deviceToken),
    ...twins.map((id) => deviceToken(id - 100_000 + 30_000)),
  ]);
  const accepted = simulator.accepted().map((push) => push.deviceToken);
  expect(accepted).toHaveLength(expected.size);
  expect(new Set(accepted)).toEqual(expected);

  const status = await fleet.status(1);
  expect(status).toMatchObject({
    state: 'done',
    recipients: expected.size,
    accepted: expected.size,
    pending: 0,
    reasons: {},
  });
  const [row] = await database.query('SELECT sent FROM notification WHERE id = 1');
  expect(row).toEqual({ sent: 1 });
  const [sums] = await database.query(
    'SELECT CAST(SUM(accepted) AS SIGNED) AS accepted, CAST(SUM(size) AS SIGNED) AS size FROM pushfleet_batch',
  );
  expect(sums).toEqual({ accepted: expected.size, size: expected.size });
  const [dispatch] = await database.query('SELECT inactive, duplicates FROM pushfleet_dispatch');
  const inactive = range(1, 100_000).filter((id) => !isActive(id)).length;
  expect(dispatch).toEqual({ inactive, duplicates: 102_000 - inactive - expected.size });
}, 240_000);
