import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { insertGroup, insertNotifications, insertTokens, range } from '../harness/backend-rows.ts';
import { deviceToken, type Fleet, startFleet } from '../harness/fleet.ts';

let fleet: Fleet;

beforeAll(async () => {
  fleet = await startFleet({ simulator: { latencyMs: 20 } });
});
afterAll(() => fleet?.stop(), 60_000);

const RECIPIENTS = 40_000;
const DRAIN_MS = 25_000;

test('SIGTERM at ten moments of a broadcast, worker and producer: each ends in time with 0, nobody twice, nobody missing', async () => {
  const { database, simulator } = fleet;
  await insertTokens(
    database,
    range(1, RECIPIENTS).map((id) => ({ id, deviceToken: deviceToken(id) })),
  );
  await insertGroup(database, 1, range(1, RECIPIENTS));
  // Slow enough that all ten moments lie in the broadcast.
  const rate = { PUSHFLEET_RATE_PER_SECOND: '3000' };
  let producer = await fleet.startProducer(rate);
  let worker = await fleet.startWorker();
  await insertNotifications(database, [{ id: 1, groupIds: [1] }]);
  // The moments come from a fixed sequence, so that a failure can be repeated.
  for (let moment = 0; moment < 10; moment++) {
    await new Promise((resolve) => setTimeout(resolve, 200 + ((moment * 7919) % 1000)));
    const stopsWorker = moment % 2 === 0;
    const started = Date.now();
    const exitCode = await (stopsWorker ? worker : producer).stop();
    expect([moment, exitCode]).toEqual([moment, 0]);
    expect(Date.now() - started).toBeLessThan(DRAIN_MS);
    if (stopsWorker) worker = await fleet.startWorker();
    else producer = await fleet.startProducer(rate);
  }
  await fleet.ended([1]);
  const accepted = simulator.accepted().map((push) => push.deviceToken);
  expect(new Set(accepted).size).toBe(RECIPIENTS);
  expect(accepted).toHaveLength(RECIPIENTS);
  expect(await fleet.status(1)).toMatchObject({ accepted: RECIPIENTS, resentWithoutAnswer: 0 });
}, 240_000);
