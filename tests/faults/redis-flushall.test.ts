import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, test } from '@jest/globals';
import { insertNotifications, insertTokens, range } from '../harness/backend-rows.ts';
import { deviceToken } from '../harness/fleet.ts';
import {
  type FleetOnOwnRedis,
  flushInTheMiddle,
  startFleetOnOwnRedis,
} from '../harness/flushed-broadcast.ts';
import { report } from '../harness/report.ts';
import { within } from '../harness/time-limit.ts';

let own: FleetOnOwnRedis | undefined;

afterEach(async () => {
  await own?.stop();
  own = undefined;
}, 180_000);

test('F9: FLUSHALL in the middle of a broadcast of 30,000: nobody is lost, no more twice than was in flight, sending again in under 5 s', async () => {
  const { status, ...seen } = await flushInTheMiddle(30_000, 4_000);
  report('FLUSHALL in a broadcast of 30,000', seen);
  expect(status).toMatchObject({ state: 'done', recipients: 30_000, accepted: 30_000, pending: 0 });
  expect(seen.distinct).toBe(30_000);
  expect(seen.duplicates).toBeLessThanOrEqual(seen.inFlightAtMost);
  expect(seen.silenceMs).toBeLessThan(within(5_000));
}, 180_000);

test('F9: pause, FLUSHALL, 10 s: not one request; resume sends to everybody once', async () => {
  own = await startFleetOnOwnRedis({ simulator: { latencyMs: 20 } });
  const { fleet, redis } = own;
  await fleet.startProducer({ PUSHFLEET_RATE_PER_SECOND: '500' });
  await Promise.all([fleet.startProducer({ PUSHFLEET_RATE_PER_SECOND: '500' }), fleet.startWorker()]);
  await insertTokens(
    fleet.database,
    range(1, 2_000).map((id) => ({ id, deviceToken: deviceToken(id) })),
  );
  await insertNotifications(fleet.database, [{ id: 1, tokenIds: range(1, 2_000) }]);
  while (fleet.simulator.acceptedCount() < 300) await sleep(10);
  await fleet.pause();
  await sleep(500); // what was on the wire
  const requests = fleet.simulator.requestCount();
  expect(requests).toBeLessThan(2_000);
  await redis.flushall();
  await sleep(10_000);
  expect(fleet.simulator.requestCount()).toBe(requests);
  expect((await fleet.run(['resume'])).exitCode).toBe(0);
  await fleet.ended([1]);
  expect(await fleet.status(1)).toMatchObject({ state: 'done', accepted: 2_000 });
  expect(fleet.simulator.acceptedCount()).toBe(2_000);
}, 180_000);
