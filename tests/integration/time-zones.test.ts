import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { wallTime } from '@pushfleet/shared/domain/wall-time';
import { insertNotifications, insertTokens } from '../harness/backend-rows.ts';
import { deviceToken, type Fleet, startFleet } from '../harness/fleet.ts';

let fleet: Fleet;
const ZONE = 'Asia/Tokyo';

beforeAll(async () => {
  fleet = await startFleet({ environment: { PUSHFLEET_TIMEZONE: ZONE } });
  await fleet.startProducer();
  await fleet.startWorker();
});
afterAll(() => fleet?.stop(), 60_000);

test('F24: rows in Tokyo wall time: due now is sent now, due in an hour waits, due in UTC terms would be nine hours off', async () => {
  const { database, simulator } = fleet;
  const wall = (offsetMs: number) => wallTime(Date.now() + offsetMs, ZONE).slice(0, 19);
  await insertTokens(database, [{ id: 1, deviceToken: deviceToken(1) }]);
  await insertNotifications(database, [
    { id: 1, message: 'now', due: wall(0), tokenIds: [1] },
    { id: 2, message: 'in an hour', due: wall(3_600_000), tokenIds: [1] },
    { id: 3, message: '23 hours ago', due: wall(-23 * 3_600_000), tokenIds: [1] },
    { id: 4, message: '25 hours ago', due: wall(-25 * 3_600_000), tokenIds: [1] },
    { id: 5, message: 'in two seconds', due: wall(2_000), tokenIds: [1] },
  ]);
  const fifthDue = Date.now() + 2_000;
  await fleet.ended([1, 3, 5]);
  const messages = simulator.accepted().map(({ payload }) => JSON.parse(payload).aps.alert);
  expect(messages.sort()).toEqual(['23 hours ago', 'in two seconds', 'now']);
  const fifth = simulator.accepted().find(({ payload }) => payload.includes('two seconds'))!;
  // DATETIME cuts the fraction of a second off.
  expect(fifth.atMs).toBeGreaterThan(fifthDue - 1_000);
  expect((await fleet.status(2)).state).toBe('scheduled');
  const { dueAt } = (await fleet.status(1)) as unknown as { dueAt: string };
  expect(Math.abs(Date.parse(dueAt) - Date.now())).toBeLessThan(60_000);
}, 180_000);
