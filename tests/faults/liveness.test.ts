import { afterEach, expect, test } from '@jest/globals';
import { deviceTokens, startWorkerFleet, until, type WorkerFleet } from '../harness/worker-fleet.ts';

const STUCK_AFTER_MS = 4_000;

let fleet: WorkerFleet;

afterEach(() => fleet.close());

test('results that Redis refuses, and nothing else: the run that waits for it makes the worker unhealthy, until it is mended', async () => {
  fleet = await startWorkerFleet({ ownRedis: true, stuckAfterMs: STUCK_AFTER_MS });
  const worker = fleet.workers[0]!;
  await until(
    () => worker.gate.isOpen,
    (isOpen) => isOpen,
  );
  // As an ACL that forgets one kind of key: everything but `{…}:results:…`.
  const mayUse = (...keys: string[]) => fleet.redis.call('ACL', 'SETUSER', 'default', 'resetkeys', ...keys);
  await mayUse('~{*}:[^r]*', '~{*}:ra*');
  const batch = await fleet.add({ deviceTokens: deviceTokens(3) });
  const said = await until(
    () => worker.stuck(),
    (sentence) => sentence !== null,
    20_000,
  );
  expect(said).toMatch(/^1 jobs run, and nothing has come of them for [4-9] s$/);
  expect([worker.gate.causes, worker.running, fleet.apns.acceptedCount()]).toEqual([[], 1, 3]);

  await mayUse('~*');
  await until(
    () => fleet.told(batch),
    (told) => told?.ended === true,
  );
  await until(
    () => [worker.stuck(), worker.running],
    ([sentence, running]) => sentence === null && running === 0,
  );
  expect(fleet.apns.acceptedCount()).toBe(3);
}, 180_000);

test('a slow rate, a lane at rest and a pause are no reasons', async () => {
  fleet = await startWorkerFleet({ stuckAfterMs: STUCK_AFTER_MS, control: { ratePerSecond: 2 } });
  const worker = fleet.workers[0]!;
  const said = new Set<string | null>();
  const look = setInterval(() => said.add(worker.stuck()), 50);
  try {
    // Two of them wait for the rate all the time; the bulk lane has room for more meanwhile.
    const batches = [];
    for (const first of ['a', 'b', 'c'])
      batches.push(await fleet.add({ deviceTokens: deviceTokens(4, first) }));
    for (const batch of batches)
      await until(
        () => fleet.told(batch),
        (told) => told?.ended === true,
        20_000,
      );
    await fleet.setControl({ paused: true });
    await until(
      () => worker.gate.causes,
      (causes) => causes.includes('paused'),
    );
    // At rest, for longer than a lane may be silent.
    const rested = performance.now() + STUCK_AFTER_MS + 500;
    await fleet.setControl({ paused: false });
    await until(
      () => performance.now(),
      (now) => now > rested,
    );
  } finally {
    clearInterval(look);
  }
  expect([...said]).toEqual([null]);
}, 180_000);
