import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { insertNotifications, insertTokens, range, utcNow } from '../harness/backend-rows.ts';
import { deviceToken, type Fleet, startFleet } from '../harness/fleet.ts';
import type { FleetProcess } from '../harness/fleet-process.ts';

let fleet: Fleet;
const processes: FleetProcess[] = [];
/** The producer looks for rows that were set back every five seconds; on a busy machine twice of it. */
const LOOKED_MS = 6_500;

beforeAll(async () => {
  fleet = await startFleet();
  await insertTokens(
    fleet.database,
    range(1, 10).map((id) => ({ id, deviceToken: deviceToken(id) })),
  );
}, 180_000);
afterEach(async () => {
  await Promise.all(processes.splice(0).map((one) => one.stop()));
  // Or the next producer would send again what this test has set back.
  await fleet.database.query('DELETE FROM notification');
  fleet.simulator.reset();
}, 180_000);
afterAll(() => fleet?.stop(), 60_000);

async function start(onReset: 'report' | 'resend') {
  const producer = await fleet.startProducer({ PUSHFLEET_ON_SENT_RESET: onReset });
  processes.push(producer, await fleet.startWorker());
  return producer;
}

async function rounds(id: number): Promise<{ round: number; state: string }[]> {
  return fleet.database.query(
    'SELECT round, state FROM pushfleet_dispatch WHERE notification_id = ? ORDER BY round',
    [id],
  );
}

async function sentOf(id: number) {
  const [row] = await fleet.database.query<{ sent: number }>('SELECT sent FROM notification WHERE id = ?', [
    id,
  ]);
  return row!.sent;
}

test('F26: report: sent set back with the same due time sends nothing, and status says so', async () => {
  const producer = await start('report');
  await insertNotifications(fleet.database, [{ id: 1, tokenIds: [1, 2] }]);
  await fleet.ended([1]);
  expect((await fleet.status(1)).error).toBeNull();
  await fleet.database.query('UPDATE notification SET sent = 0 WHERE id = 1');
  await producer.printed('"notification.sentReset"');
  await sleep(LOOKED_MS);
  expect(fleet.simulator.acceptedCount()).toBe(2);
  expect(await rounds(1)).toEqual([{ round: 1, state: 'done' }]);
  expect(await fleet.status(1)).toMatchObject({
    state: 'done',
    accepted: 2,
    error: expect.stringContaining('PUSHFLEET_ON_SENT_RESET'),
  });
  expect(producer.output().split('"notification.sentReset"')).toHaveLength(2);
}, 180_000);

test('F26: report: a new due time sends it again as the next round, each time once', async () => {
  await start('report');
  await insertNotifications(fleet.database, [{ id: 2, tokenIds: [1, 2] }]);
  await fleet.ended([2]);
  for (const round of [2, 3]) {
    // Behind the first by whole seconds, as the column has it.
    await sleep(1_100);
    await fleet.database.query('UPDATE notification SET sent = 0, notificationdate = ? WHERE id = 2', [
      utcNow(),
    ]);
    await until(async () => (await rounds(2)).at(-1)!.round === round);
    await until(async () => (await sentOf(2)) === 1);
    expect(fleet.simulator.acceptedCount()).toBe(2 * round);
  }
  await sleep(LOOKED_MS);
  expect(await rounds(2)).toEqual(range(1, 3).map((round) => ({ round, state: 'done' })));
  expect(fleet.simulator.acceptedCount()).toBe(6);
  expect(await fleet.status(2)).toMatchObject({ recipients: 2, accepted: 2, error: null });
}, 180_000);

test('F26: resend: the same due time sends it again too, each time once', async () => {
  // What the first test left set back would rightly be sent again too.
  await fleet.database.query('UPDATE notification SET sent = 1');
  await start('resend');
  await insertNotifications(fleet.database, [{ id: 3, tokenIds: [1, 2] }]);
  await fleet.ended([3]);
  await fleet.database.query('UPDATE notification SET sent = 0 WHERE id = 3');
  await until(async () => (await rounds(3)).length === 2);
  await until(async () => (await sentOf(3)) === 1);
  await sleep(LOOKED_MS);
  expect(await rounds(3)).toEqual(range(1, 2).map((round) => ({ round, state: 'done' })));
  expect(fleet.simulator.acceptedCount()).toBe(4);
}, 180_000);

test('F26: resend: what was cancelled is not sent by it, as nothing was ever set back', async () => {
  await start('resend');
  await fleet.pause();
  await insertNotifications(fleet.database, [{ id: 4, tokenIds: [1, 2] }]);
  await until(async () => (await rounds(4)).some(({ state }) => state === 'sending'));
  expect(await fleet.run(['cancel', '4'])).toMatchObject({ exitCode: 0 });
  await fleet.ended([4]);
  await fleet.run(['resume']);
  await sleep(LOOKED_MS);
  expect(await rounds(4)).toEqual([{ round: 1, state: 'cancelled' }]);
  expect(fleet.simulator.acceptedCount()).toBe(0);
}, 180_000);

async function until(condition: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; !(await condition()); tries++) {
    if (tries > 400) throw new Error('it did not happen in 20 s');
    await sleep(50);
  }
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
