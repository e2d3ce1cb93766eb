import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, test } from '@jest/globals';
import { startRedis } from '@pushfleet/local-servers/start-redis';
import { isSettled } from '@pushfleet/shared/domain/outcomes';
import { within } from '../harness/time-limit.ts';
import { deviceTokens, startWorkerFleet, until, type WorkerFleet } from '../harness/worker-fleet.ts';
import { killWorkerProcesses, startWorkerProcess } from '../harness/worker-process.ts';

let fleet: WorkerFleet;

afterEach(async () => {
  killWorkerProcesses();
  await fleet.close();
});

const startProcess = (more: Record<string, string> = {}) =>
  startWorkerProcess({ ...fleet.environment, ...more });

test('SIGTERM in the middle of batches: they are handed back at once, nobody is missing, nobody gets it twice', async () => {
  fleet = await startWorkerFleet({
    workers: 0,
    simulator: { latencyMs: 20 },
    control: { ratePerSecond: 1_500 },
  });
  const recipients = deviceTokens(4_000);
  const batches = [];
  for (let i = 0; i < 8; i++)
    batches.push(await fleet.add({ deviceTokens: recipients.slice(i * 500, (i + 1) * 500) }));
  for (let round = 0; round < 4; round++) {
    const { child, output } = startProcess();
    const before = fleet.apns.acceptedCount();
    await until(
      () => fleet.apns.acceptedCount(),
      (accepted) => accepted > before + 50 + 200 * round,
      15_000,
    );
    const stoppedAt = performance.now();
    child.kill('SIGTERM');
    const [code] = await once(child, 'exit');
    expect([code, code === 0 ? '' : output()]).toEqual([0, '']);
    expect(performance.now() - stoppedAt).toBeLessThan(within(3_000));
    expect(await fleet.queues.bulk.getActiveCount()).toBe(0);
  }
  await fleet.setControl({ ratePerSecond: null });
  startProcess();
  for (const batch of batches) {
    const told = await until(
      () => fleet.told(batch),
      (seen) => seen?.ended === true,
      15_000,
    );
    expect(isSettled(told!.progress.outcomes)).toBe(true);
  }
  const accepted = fleet.apns.accepted().map((push) => push.deviceToken);
  expect(accepted.sort()).toEqual([...recipients].sort());
}, 180_000);

test('a stop does not wait for an answer that does not come: the rest is handed back, the next request counts as a repeat', async () => {
  fleet = await startWorkerFleet();
  const [silent, ...others] = deviceTokens(3);
  fleet.apns.script(`device ${silent} silence times 1 then accept`);
  const batch = await fleet.add({ deviceTokens: [...others, silent!] });
  await until(
    () => fleet.apns.requestCount(),
    (requests) => requests === 3,
  );
  const stoppedAt = performance.now();
  await fleet.workers[0]!.stop(4_000);
  expect(performance.now() - stoppedAt).toBeLessThan(within(3_500));
  expect(await fleet.counts('bulk')).toMatchObject({ active: 0, waiting: 1 });
  fleet.startWorker();
  const told = await until(
    () => fleet.told(batch),
    (seen) => seen?.ended === true,
  );
  expect(told!.progress.resent).toBe(1);
  expect(fleet.apns.requestCount()).toBe(4);
});

test('SIGTERM while Redis is down: it still exits in time, with 0', async () => {
  fleet = await startWorkerFleet({ workers: 0 });
  const directory = mkdtempSync(join(tmpdir(), 'pushfleet-stop-'));
  const redis = await startRedis({ dir: directory });
  try {
    const { child, output } = startProcess({
      PUSHFLEET_REDIS_URL: redis.url,
      PUSHFLEET_DRAIN_TIMEOUT_MS: '6000',
    });
    await until(output, (text) => text.includes('worker.started'), 15_000);
    await redis.kill('SIGKILL');
    await sleep(500);
    const stoppedAt = performance.now();
    child.kill('SIGTERM');
    const [code] = await once(child, 'exit');
    expect([code, code === 0 ? '' : output()]).toEqual([0, '']);
    expect(performance.now() - stoppedAt).toBeLessThan(within(6_000));
  } finally {
    await redis.stop();
    rmSync(directory, { recursive: true, force: true });
  }
}, 180_000);

test('SIGKILL: another worker goes on with the batch within 10 s, and repeats only what no checkpoint holds', async () => {
  fleet = await startWorkerFleet({ workers: 0, control: { ratePerSecond: 300 } });
  const recipients = deviceTokens(800);
  const batch = await fleet.add({ deviceTokens: recipients });
  const { child } = startProcess();
  await until(
    () => fleet.apns.acceptedCount(),
    (accepted) => accepted > 200,
    15_000,
  );
  child.kill('SIGKILL');
  await once(child, 'exit');
  const killedAt = Date.now();
  const before = fleet.apns.acceptedCount();
  fleet.startWorker();
  await until(
    () => fleet.apns.acceptedCount(),
    (accepted) => accepted > before,
    12_000,
  );
  expect(Date.now() - killedAt).toBeLessThan(within(10_000));
  const told = await until(
    () => fleet.told(batch),
    (seen) => seen?.ended === true,
    15_000,
  );
  expect(isSettled(told!.progress.outcomes)).toBe(true);
  expect(fleet.apns.distinctAccepted()).toBe(800);
  // 100 ms of 300 pushes a second, and what was in flight.
  expect(fleet.apns.acceptedCount() - 800).toBeLessThan(70);
}, 180_000);

test.each([
  ['no credential', { PUSHFLEET_APNS_KEY: '' }, /PUSHFLEET_APNS_KEY is missing/],
  ['two credentials', { PUSHFLEET_APNS_CERT: 'x' }, /are both set/],
  ['a key without its id', { PUSHFLEET_APNS_KEY_ID: '' }, /PUSHFLEET_APNS_KEY_ID is missing/],
  ['a key that is none', { PUSHFLEET_APNS_KEY: 'hello' }, /PUSHFLEET_APNS_KEY: .*\.p8/],
])('%s: the start is refused with a sentence, before anything is opened', async (_, more, sentence) => {
  fleet = await startWorkerFleet({ workers: 0 });
  const { child, output } = startProcess(more);
  const [code] = await once(child, 'exit');
  expect([code, output()]).toEqual([2, expect.stringMatching(sentence)]);
  expect(fleet.apns.connects()).toBe(0);
});
