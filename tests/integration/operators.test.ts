import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { insertGroup, insertNotifications, insertTokens, range, utcNow } from '../harness/backend-rows.ts';
import { deviceToken, type Fleet, startFleet } from '../harness/fleet.ts';

let fleet: Fleet;
const RECIPIENTS = 30_000;

beforeAll(async () => {
  // Slow enough that a person can step in.
  fleet = await startFleet({
    environment: { PUSHFLEET_RATE_PER_SECOND: '500', PUSHFLEET_QUEUE_LIMIT: '5000' },
  });
  await insertTokens(
    fleet.database,
    range(1, RECIPIENTS).map((id) => ({ id, deviceToken: deviceToken(id) })),
  );
  await insertGroup(fleet.database, 1, range(1, RECIPIENTS));
  await fleet.startProducer();
  await fleet.startWorker();
}, 180_000);
afterAll(() => fleet?.stop(), 60_000);

test('paused: nothing more is sent until it is resumed', async () => {
  const { database, simulator } = fleet;
  await insertNotifications(database, [{ id: 1, groupIds: [1] }]);
  await until(() => simulator.acceptedCount() > 300);
  await fleet.pause();
  await sleep(500); // what was on the wire
  const accepted = simulator.acceptedCount();
  await sleep(2_000);
  expect(simulator.acceptedCount()).toBe(accepted);
  const { stdout } = await fleet.run(['status', '--json']);
  expect(JSON.parse(stdout).apps[0]).toMatchObject({ app: 'default', paused: true });

  expect(await fleet.run(['resume'])).toMatchObject({ exitCode: 0 });
  await until(() => simulator.acceptedCount() > accepted + 100);
}, 180_000);

test('cancelled: a running broadcast stops, planned and queued alike, and every recipient has one outcome', async () => {
  const { simulator } = fleet;
  expect(await fleet.run(['cancel', '1'])).toMatchObject({ exitCode: 0 });
  await sleep(1_000);
  const accepted = simulator.acceptedCount();
  await sleep(1_000);
  expect(simulator.acceptedCount()).toBe(accepted);
  await fleet.ended([1]);
  expect(await fleet.status(1)).toMatchObject({
    state: 'cancelled',
    recipients: RECIPIENTS,
    accepted,
    cancelled: RECIPIENTS - accepted,
    pending: 0,
  });
  const [row] = await fleet.database.query('SELECT sent FROM notification WHERE id = 1');
  expect(row).toEqual({ sent: 0 });
}, 180_000);

test('cancelled before it was due: nothing is sent; a new due time sends it as the next round', async () => {
  const { database, simulator } = fleet;
  simulator.reset();
  await insertNotifications(database, [{ id: 2, due: utcNow(3_000), tokenIds: [1] }]);
  expect(await fleet.run(['cancel', '2'])).toMatchObject({ exitCode: 0 });
  await sleep(5_000);
  expect(simulator.acceptedCount()).toBe(0);
  expect((await fleet.status(2)).state).toBe('cancelled');

  await database.query('UPDATE notification SET notificationdate = ? WHERE id = 2', [utcNow()]);
  await until(() => simulator.acceptedCount() === 1);
}, 180_000);

test('a row that is deleted or sent by the backend while it runs ends too', async () => {
  const { database, simulator } = fleet;
  simulator.reset();
  await insertNotifications(database, [
    { id: 3, groupIds: [1] },
    { id: 4, tokenIds: [1] },
  ]);
  await until(() => simulator.acceptedCount() > 100);
  await database.query('UPDATE notification SET sent = 1 WHERE id = 3');
  await fleet.ended([3, 4]);
  expect(await fleet.status(3)).toMatchObject({
    state: 'cancelled',
    pending: 0,
    error: expect.stringContaining('backend'),
  });
}, 180_000);

test('an unknown notification is said to be unknown, with exit code 1', async () => {
  const { exitCode, stderr } = await fleet.run(['cancel', '987654']);
  expect([exitCode, stderr]).toEqual([1, expect.stringContaining('987654')]);
});

async function until(condition: () => boolean): Promise<void> {
  for (let tries = 0; !condition(); tries++) {
    if (tries > 600) throw new Error('it did not happen in 30 s');
    await sleep(50);
  }
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
