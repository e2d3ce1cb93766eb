import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, test } from '@jest/globals';
import { tally } from '@pushfleet/shared/domain/outcomes';
import { jobKeys } from '@pushfleet/shared/queue/checkpoint';
import { APP, deviceTokens, startWorkerFleet, until, type WorkerFleet } from '../harness/worker-fleet.ts';

let fleet: WorkerFleet;

afterEach(() => fleet.close());

/** Some 200 pushes a second, without a limit that Redis would have to grant. */
const SLOW = { latencyMs: 50, streamLimit: 11 };

test('Redis refuses to write for two seconds: sending stops, then goes on, and nobody gets it twice', async () => {
  fleet = await startWorkerFleet({ ownRedis: true, simulator: SLOW });
  const recipients = deviceTokens(400);
  const batch = await fleet.add({ deviceTokens: recipients });
  await until(
    () => fleet.apns.acceptedCount(),
    (accepted) => accepted > 50,
  );
  await fleet.redis.config('SET', 'min-replicas-to-write', '1');
  await until(
    () => fleet.workers[0]!.gate.causes,
    (causes) => causes.includes('redis'), // or an idle lane would ask a thousand times a second
  );
  await sleep(300);
  const stopped = fleet.apns.requestCount();
  await sleep(1_500);
  expect(fleet.apns.requestCount()).toBe(stopped);
  expect(stopped).toBeLessThan(400);
  await fleet.redis.config('SET', 'min-replicas-to-write', '0');
  const told = await until(
    () => fleet.told(batch),
    (seen) => seen?.ended === true,
    20_000,
  );
  expect(tally(told!.progress.outcomes)).toMatchObject({ accepted: 400 });
  expect(fleet.apns.acceptedCount()).toBe(400);
}, 180_000);

test('Redis forbids our scripts for a while: an idle worker asks about once a second, then goes on', async () => {
  fleet = await startWorkerFleet({ ownRedis: true });
  await fleet.redis.acl('SETUSER', 'default', '-evalsha');
  await until(
    () => fleet.workers[0]!.gate.causes,
    (causes) => causes.includes('redis'),
  );
  await fleet.redis.config('RESETSTAT');
  await sleep(1_000);
  const refused = /total_error_replies:(\d+)/.exec(await fleet.redis.info('stats'))![1];
  expect(Number(refused)).toBeLessThan(30);
  await fleet.redis.acl('SETUSER', 'default', '+@all');
  const batch = await fleet.add({ deviceTokens: deviceTokens(3) });
  await until(
    () => fleet.told(batch),
    (seen) => seen?.ended === true,
  );
}, 180_000);

test('Redis is killed and away for four seconds: the fleet goes on, everybody gets it, hardly anybody twice', async () => {
  fleet = await startWorkerFleet({ ownRedis: true, workers: 2, simulator: SLOW });
  const recipients = deviceTokens(900);
  const batches = [];
  for (let i = 0; i < 3; i++)
    batches.push(await fleet.add({ deviceTokens: recipients.slice(i * 300, (i + 1) * 300) }));
  await until(
    () => fleet.apns.acceptedCount(),
    (accepted) => accepted > 100,
  );
  await fleet.restartRedis(4_000);
  for (const batch of batches) {
    const told = await until(
      () => fleet.told(batch),
      (seen) => seen?.ended === true,
      25_000,
    );
    expect(tally(told!.progress.outcomes)).toMatchObject({ accepted: 300 });
  }
  expect(fleet.apns.distinctAccepted()).toBe(900);
  // What each worker sent in the last 200 ms before it had to stop.
  expect(fleet.apns.acceptedCount() - 900).toBeLessThanOrEqual(150);
}, 180_000);

test('F10: a job that its own worker takes again while the first run still waits for an answer runs once, not twice', async () => {
  fleet = await startWorkerFleet({ requestTimeoutMs: 6_500 });
  const [silent, ...others] = deviceTokens(3);
  fleet.apns.script(`device ${silent} silence times 1 then accept`);
  const batch = await fleet.add({ deviceTokens: [...others, silent!] });
  await until(
    () => fleet.apns.requestCount(),
    (requests) => requests === 3,
  );
  await sleep(300);
  // As after a stall: the lock is gone, and BullMQ gives the job to whoever asks.
  const { lock } = jobKeys(fleet.prefix, APP, 'bulk', `b-${batch.dispatch}-1-0`);
  for (let i = 0; i < 100; i++) {
    await fleet.redis.del(lock);
    if ((await fleet.counts('bulk')).active === 0) break;
    await sleep(50);
  }
  const told = await until(
    () => fleet.told(batch),
    (seen) => seen?.ended === true,
    25_000,
  );
  expect(tally(told!.progress.outcomes)).toMatchObject({ accepted: 3 });
  const requests = fleet.apns.requests();
  expect(requests).toHaveLength(4);
  const [first, second] = requests.filter((request) => request.deviceToken === silent);
  // The second run began when the first had given up waiting, not beside it.
  expect(second!.atMs - first!.atMs).toBeGreaterThan(6_400);
  await until(
    () => fleet.counts('bulk'),
    ({ all }) => all === 0,
  );
}, 180_000);
