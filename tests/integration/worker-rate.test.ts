import { afterEach, expect, test } from '@jest/globals';
import { takeFromBucket } from '@pushfleet/shared/queue/rate-bucket';
import { within } from '../harness/time-limit.ts';
import { APP, deviceTokens, startWorkerFleet, until, type WorkerFleet } from '../harness/worker-fleet.ts';

let fleet: WorkerFleet;

afterEach(() => fleet.close());

/** Most pushes within any second, and the mean per second, of those accepted between two times. */
function rates(times: readonly number[], from: number, to: number): { worst: number; mean: number } {
  const inside = times.filter((at) => at >= from && at < to);
  let worst = 0;
  let first = 0;
  for (let last = 0; last < inside.length; last++) {
    while (inside[last]! - inside[first]! >= 1_000) first++;
    worst = Math.max(worst, last - first + 1);
  }
  return { worst, mean: (inside.length * 1_000) / (to - from) };
}

// On a busy machine it may be fewer: how many there must be, `npm run verify -- rate` looks.
test('F22: three workers together keep to the rate, and follow a change of it within a second', async () => {
  fleet = await startWorkerFleet({ workers: 3, control: { ratePerSecond: 300 } });
  for (let i = 0; i < 10; i++) await fleet.add({ deviceTokens: deviceTokens(500, `a${i}`) });
  await until(
    () => fleet.apns.acceptedCount(),
    (accepted) => accepted > 60,
  );
  const slow = Date.now();
  await until(
    () => Date.now(),
    (now) => now > slow + 3_000,
  );
  await fleet.setControl({ ratePerSecond: 900 });
  const changed = Date.now();
  await until(
    () => Date.now(),
    (now) => now > changed + 2_500,
  );

  const times = [...fleet.apns.acceptedTimes()];
  const before = rates(times, slow, changed);
  const after = rates(times, changed + 1_000, changed + 2_500);
  expect(before.worst).toBeLessThanOrEqual(330);
  expect(after.worst).toBeLessThanOrEqual(990);
  expect(after.mean).toBeGreaterThan(before.mean);
}, 180_000);

test('an urgent push is not held up by a bulk batch that uses up the rate', async () => {
  fleet = await startWorkerFleet({ control: { ratePerSecond: 50 } });
  await fleet.add({ deviceTokens: deviceTokens(500) });
  await until(
    () => fleet.apns.acceptedCount(),
    (accepted) => accepted > 50,
  );
  const [alert] = deviceTokens(1, 'f');
  const addedAt = Date.now();
  await fleet.add({ deviceTokens: [alert!], lane: 'urgent' });
  const push = await until(
    () => fleet.apns.accepted().find((one) => one.deviceToken === alert),
    (seen) => seen !== undefined,
    2_000,
  );
  expect(push!.atMs - addedAt).toBeLessThan(within(500));
});

test('the bucket keeps a share for urgent pushes, and gives nothing without a control copy', async () => {
  fleet = await startWorkerFleet({ workers: 0, control: null });
  const take = (lane: 'urgent' | 'bulk') => takeFromBucket(fleet.redis, fleet.prefix, APP, lane, 100);
  expect(await take('urgent')).toEqual({ kind: 'wait', ms: 250 });
  await fleet.setControl({ ratePerSecond: 20 });
  // At once: in 50 ms there is one more.
  const answers = await Promise.all([take('bulk'), take('bulk'), take('urgent'), take('urgent')]);
  expect(answers.map(({ kind }) => kind)).toEqual(['granted', 'wait', 'granted', 'wait']);
  expect(answers[0]).toMatchObject({ pushes: 1 });
  expect(answers[1]!.kind === 'wait' && answers[1]!.ms).toBeLessThanOrEqual(50);
  expect(answers[2]).toMatchObject({ pushes: 1 });

  await fleet.setControl({ ratePerSecond: 2_000 });
  await until(
    () => take('bulk'),
    (answer) => answer.kind === 'granted' && answer.pushes === 10,
    500,
  );
  await fleet.setControl({ ratePerSecond: null });
  expect(await take('bulk')).toEqual({ kind: 'unlimited' });
  await fleet.setControl(null);
  expect((await take('urgent')).kind).toBe('wait');
});

test('a grant is what was wanted and no more; bulk waits for the whole of it, an alert takes what there is', async () => {
  // A full bucket holds 50 pushes, 10 of them for urgent; one asking gets 5 at most.
  fleet = await startWorkerFleet({ workers: 0, control: { ratePerSecond: 1_000 } });
  const take = (lane: 'urgent' | 'bulk', wanted: number) =>
    takeFromBucket(fleet.redis, fleet.prefix, APP, lane, wanted);
  expect(await take('urgent', 1)).toEqual({ kind: 'granted', pushes: 1, nextInMs: 0 });
  expect(await take('bulk', 3)).toEqual({ kind: 'granted', pushes: 3, nextInMs: 0 });
  // At once: one after the other they might take longer than the bucket needs to fill.
  const answers = await Promise.all(Array.from({ length: 100 }, () => take('bulk', 100)));
  const pushes = answers.map((one) => (one.kind === 'granted' ? one.pushes : 0));
  expect([...new Set(pushes)].sort()).toEqual([0, 5]);
  const last = answers[pushes.indexOf(0) - 1]!;
  expect(last.kind === 'granted' && last.nextInMs).toBeGreaterThan(0);
  expect(await take('urgent', 100)).toMatchObject({ kind: 'granted', pushes: 5 });
});
