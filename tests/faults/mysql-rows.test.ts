import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { insertGroup, insertNotifications, insertTokens, range } from '../harness/backend-rows.ts';
import { deviceToken, type Fleet, startFleet } from '../harness/fleet.ts';
import { untilTrue } from '../harness/wait.ts';

// The backend goes on with its work while we send.
const RECIPIENTS = 600;
let fleet: Fleet;

beforeAll(async () => {
  fleet = await startFleet({
    environment: {
      PUSHFLEET_BATCH_SIZE: '50',
      PUSHFLEET_QUEUE_LIMIT: '100',
      PUSHFLEET_RATE_PER_SECOND: '150',
      PUSHFLEET_URGENT_MAX_RECIPIENTS: '0',
    },
  });
  await fleet.startProducer();
  await fleet.startWorker();
}, 180_000);
afterAll(() => fleet?.stop(), 60_000);

/** Tokens and a group of them, at a base of their own. */
async function audience(group: number, size = RECIPIENTS): Promise<number[]> {
  const ids = range(group * 100_000 + 1, group * 100_000 + size);
  await insertTokens(
    fleet.database,
    ids.map((id) => ({ id, deviceToken: deviceToken(id) })),
  );
  await insertGroup(fleet.database, group, ids);
  return ids;
}

const dispatch = async (id: number) =>
  (
    await fleet.database.query<{ state: string; batches: number }>(
      'SELECT state, batches FROM pushfleet_dispatch WHERE notification_id = ?',
      [id],
    )
  )[0];

test('F17: rows deleted or switched off between plan and queue are cancelled, the others get it', async () => {
  const ids = await audience(1);
  await insertNotifications(fleet.database, [{ id: 1, groupIds: [1] }]);
  await untilTrue(
    () => dispatch(1),
    (row) => row?.state === 'sending',
  );
  // The last batches wait in MySQL: there is no room in the lane.
  const deleted = ids.slice(-20);
  const inactive = ids.slice(-50, -20);
  await fleet.database.query('DELETE FROM token WHERE id IN (?)', [deleted]);
  await fleet.database.query('UPDATE token SET active = 0 WHERE id IN (?)', [inactive]);
  await fleet.ended([1]);
  expect(await fleet.status(1)).toMatchObject({
    state: 'done',
    recipients: RECIPIENTS,
    accepted: RECIPIENTS - 50,
    cancelled: 50,
    pending: 0,
  });
  const reached = new Set(fleet.simulator.accepted().map((push) => push.deviceToken));
  expect([...deleted, ...inactive].filter((id) => reached.has(deviceToken(id)))).toEqual([]);
});

test('F17: a device token that changed in place is sent to as it is now', async () => {
  const ids = await audience(2);
  await insertNotifications(fleet.database, [{ id: 2, groupIds: [2] }]);
  await untilTrue(
    () => dispatch(2),
    (row) => row?.state === 'sending',
  );
  const changed = ids.at(-1)!;
  await fleet.database.query('UPDATE token SET token = ? WHERE id = ?', [deviceToken(77), changed]);
  await fleet.ended([2]);
  expect(await fleet.status(2)).toMatchObject({ state: 'done', accepted: RECIPIENTS });
  const reached = fleet.simulator.accepted().map((push) => push.deviceToken);
  expect(reached.filter((to) => to === deviceToken(77))).toHaveLength(1);
  expect(reached).not.toContain(deviceToken(changed));
});

test('F17: the notification is deleted while it is sent: it ends, and everybody has an outcome', async () => {
  await audience(3, 300);
  await insertNotifications(fleet.database, [{ id: 3, groupIds: [3] }]);
  await untilTrue(
    () => dispatch(3),
    (row) => row?.state === 'sending',
  );
  await fleet.database.query('DELETE FROM notification WHERE id = 3');
  await fleet.ended([3]);
  const { pending, accepted, cancelled } = await fleet.status(3);
  expect([pending, accepted + cancelled]).toEqual([0, 300]);
});

test('F17: the group is deleted while its audience is planned: who is planned gets it, nothing breaks', async () => {
  await audience(4, 12_000);
  await fleet.database.query(
    'CREATE TRIGGER slow BEFORE INSERT ON pushfleet_batch FOR EACH ROW SET @slow = SLEEP(0.01)',
  );
  await insertNotifications(fleet.database, [
    { id: 4, groupIds: [4] },
    { id: 5, tokenIds: [100_001] },
  ]);
  const { batches } = (await untilTrue(
    () => dispatch(4),
    (row) => row?.state === 'planning' && row.batches > 0,
  ))!;
  await fleet.database.query('DELETE FROM token_group WHERE id = 4');
  await fleet.database.query('DROP TRIGGER slow');
  await untilTrue(
    () => dispatch(4),
    (row) => row?.state === 'sending',
  );
  const planned = (await fleet.status(4)).recipients;
  expect(planned).toBeGreaterThanOrEqual(batches * 50);
  expect(planned).toBeLessThan(12_000);
  await fleet.run(['cancel', '4']);
  await fleet.ended([4, 5]);
  expect(await fleet.status(4)).toMatchObject({ recipients: planned, pending: 0 });
  expect(await fleet.status(5)).toMatchObject({ accepted: 1 });
});
