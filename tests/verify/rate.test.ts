import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { insertGroup, insertNotifications, insertTokens, range } from '../harness/backend-rows.ts';
import { deviceToken, type Fleet, startFleet } from '../harness/fleet.ts';
import { report } from '../harness/report.ts';
import { busiestSecond, perSecond } from './accept-rate.ts';

let fleet: Fleet;
const RECIPIENTS = 60_000;

beforeAll(async () => {
  fleet = await startFleet({
    simulator: { latencyMs: 20 },
    environment: { PUSHFLEET_RATE_PER_SECOND: '500' },
  });
});
afterAll(() => fleet?.stop(), 60_000);

test('500 pushes per second over three workers, one with most batches, one killed; then 1,500 per second', async () => {
  const { database, simulator } = fleet;
  await insertTokens(
    database,
    range(1, RECIPIENTS).map((id) => ({ id, deviceToken: deviceToken(id) })),
  );
  await insertGroup(database, 1, range(1, RECIPIENTS));
  await fleet.startProducer();
  // The first one takes as many batches as it may before the others come.
  await fleet.startWorker();
  await insertNotifications(database, [{ id: 1, groupIds: [1] }]);
  await until(() => simulator.acceptedCount() > 200);
  const victim = await fleet.startWorker();
  await fleet.startWorker();
  await sleep(2_000);

  const from = Date.now();
  await sleep(8_000);
  victim.kill('SIGKILL');
  await sleep(12_000);
  const to = Date.now();
  const times = simulator.acceptedTimes();
  const average = perSecond(times, from, to);
  const busiest = busiestSecond(times, from, to);
  report('rate', { 'limit per second': 500, 'average over 20 s': average, 'busiest second': busiest });

  const changed = await fleet.run(['rate', '1500']);
  expect(changed.exitCode).toBe(0);
  const changedAt = Date.now();
  await sleep(6_000);
  const after = simulator.acceptedTimes();
  const firstSecond = perSecond(after, changedAt + 1_000, changedAt + 2_000);
  const fiveSeconds = perSecond(after, changedAt + 1_000, changedAt + 6_000);
  const busiestAfter = busiestSecond(after, changedAt, changedAt + 6_000);
  report('rate after the change', {
    'limit per second': 1_500,
    'second after the first': firstSecond,
    'average over 5 s': fiveSeconds,
    'busiest second': busiestAfter,
  });

  expect(Math.abs(average - 500)).toBeLessThanOrEqual(25);
  expect(busiest).toBeLessThanOrEqual(550);
  expect(firstSecond).toBeGreaterThanOrEqual(1_350);
  expect(Math.abs(fiveSeconds - 1_500)).toBeLessThanOrEqual(75);
  expect(busiestAfter).toBeLessThanOrEqual(1_650);
}, 180_000);

async function until(condition: () => boolean): Promise<void> {
  for (let tries = 0; !condition(); tries++) {
    if (tries > 600) throw new Error('it did not happen in 30 s');
    await sleep(50);
  }
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
