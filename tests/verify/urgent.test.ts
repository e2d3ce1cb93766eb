import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { insertNotifications, insertTokens, range, utcNow } from '../harness/backend-rows.ts';
import { deviceToken, type Fleet, startFleet } from '../harness/fleet.ts';
import { report } from '../harness/report.ts';

let fleet: Fleet;
const FLOOD = 50_000;

beforeAll(async () => {
  fleet = await startFleet();
});
afterAll(() => fleet?.stop(), 60_000);

test('50,000 one-device notifications are due in one second: alerts that come 5 s later are accepted within 1 s', async () => {
  const { database, simulator } = fleet;
  await insertTokens(
    database,
    range(1, FLOOD + 1).map((id) => ({ id, deviceToken: deviceToken(id) })),
  );
  await fleet.startProducer();
  await Promise.all([fleet.startWorker(), fleet.startWorker()]);
  const due = Date.now() + 8_000;
  await insertNotifications(
    database,
    range(1, FLOOD).map((id) => ({ id, due: utcNow(due - Date.now()), tokenIds: [id] })),
  );
  await new Promise((resolve) => setTimeout(resolve, Math.max(0, due + 5_000 - Date.now())));
  const insertedAt: number[] = [];
  for (let i = 0; i < 5; i++) {
    insertedAt.push(Date.now());
    await insertNotifications(database, [{ id: 100_000 + i, message: `alert ${i}`, tokenIds: [FLOOD + 1] }]);
    await new Promise((resolve) => setTimeout(resolve, 1_000));
  }
  await fleet.ended([...range(1, FLOOD), ...insertedAt.map((_, i) => 100_000 + i)], 240_000);
  const accepted = simulator.accepted();
  const waited = insertedAt.map(
    (at, i) => accepted.find(({ payload }) => payload.includes(`alert ${i}`))!.atMs - at,
  );
  const last = accepted.at(-1)!.atMs;
  report('urgent', {
    'alerts accepted after (ms)': waited.map(Math.round).join(', '),
    'flood per second': Math.round(FLOOD / ((last - due) / 1_000)),
  });
  expect(accepted).toHaveLength(FLOOD + insertedAt.length);
  expect(Math.max(...waited)).toBeLessThanOrEqual(1_000);
}, 400_000);
