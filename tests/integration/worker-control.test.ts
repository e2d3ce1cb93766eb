import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, test } from '@jest/globals';
import { findFreePort } from '@pushfleet/local-servers/free-port';
import { tally } from '@pushfleet/shared/domain/outcomes';
import { deviceTokens, startWorkerFleet, TOPIC, until, type WorkerFleet } from '../harness/worker-fleet.ts';

let fleet: WorkerFleet;

afterEach(() => fleet.close());

test('without a control copy nothing is sent; it starts with the first copy and stops when it vanishes', async () => {
  fleet = await startWorkerFleet({ control: null });
  await fleet.add({ deviceTokens: deviceTokens(5) });
  await sleep(400);
  expect(fleet.apns.requestCount()).toBe(0);
  expect(fleet.workers[0]!.gate.causes).toContain('noControl');

  await fleet.setControl({});
  await until(
    () => fleet.apns.acceptedCount(),
    (accepted) => accepted === 5,
  );
  await fleet.setControl(null);
  await until(
    () => fleet.workers[0]!.gate.causes,
    (causes) => causes.includes('noControl'),
  );
  await fleet.add({ deviceTokens: deviceTokens(5, 'b') });
  await sleep(300);
  expect(fleet.apns.requestCount()).toBe(5);
});

test('a control copy of another topic or environment closes the lanes', async () => {
  fleet = await startWorkerFleet({ control: { environment: 'sandbox' } });
  await fleet.add({ deviceTokens: deviceTokens(2) });
  await until(
    () => fleet.workers[0]!.gate.causes,
    (causes) => causes.join() === 'mismatch',
  );
  expect(fleet.apns.requestCount()).toBe(0);
});

test('pause stops a running batch within a second and hands it back; resume sends the rest, nobody twice', async () => {
  fleet = await startWorkerFleet({ workers: 2, control: { ratePerSecond: 200 } });
  const recipients = deviceTokens(600);
  const batch = await fleet.add({ deviceTokens: recipients });
  await until(
    () => fleet.apns.acceptedCount(),
    (accepted) => accepted >= 100,
  );
  await fleet.setControl({ paused: true });
  await until(
    () => fleet.counts('bulk'),
    ({ active, waiting }) => active === 0 && waiting === 1,
    2_000,
  );
  const sentWhenPaused = fleet.apns.requestCount();
  await sleep(300);
  expect(fleet.apns.requestCount()).toBe(sentWhenPaused);
  expect(sentWhenPaused).toBeLessThan(600);
  const halfway = await fleet.told(batch);
  expect(halfway!.ended).toBe(false);
  expect(tally(halfway!.progress.outcomes).accepted).toBe(sentWhenPaused);

  await fleet.setControl({ paused: false, ratePerSecond: null });
  await until(
    () => fleet.told(batch),
    (seen) => seen!.ended,
  );
  const accepted = fleet.apns.accepted().map((push) => push.deviceToken);
  expect(accepted.sort()).toEqual([...recipients].sort());
});

test('cancel settles whoever waits, in a running batch and in a waiting one', async () => {
  fleet = await startWorkerFleet({ control: { ratePerSecond: 100 } });
  const batch = await fleet.add({ deviceTokens: deviceTokens(400) });
  const other = await fleet.add({ deviceTokens: deviceTokens(3, 'b'), lane: 'urgent' });
  await until(
    () => fleet.apns.acceptedCount(),
    (accepted) => accepted >= 30,
  );
  await fleet.setControl({ cancelled: [batch.dispatch] });
  const told = await until(
    () => fleet.told(batch),
    (seen) => seen?.ended === true,
    3_000,
  );
  const counts = tally(told!.progress.outcomes);
  expect(counts.accepted + counts.cancelled).toBe(400);
  expect(counts.cancelled).toBeGreaterThan(200);
  const otherTold = await until(
    () => fleet.told(other),
    (seen) => seen?.ended === true,
  );
  expect(tally(otherTold!.progress.outcomes)).toMatchObject({ accepted: 3 });
  expect(fleet.apns.acceptedCount()).toBe(counts.accepted + 3);
});

test('a refused credential costs no attempt: the worker stops, probes with one push, and goes on when it is mended', async () => {
  fleet = await startWorkerFleet();
  fleet.apns.script('device * answer 403 InvalidProviderToken');
  const recipients = deviceTokens(300);
  const batches = [
    await fleet.add({ deviceTokens: recipients.slice(0, 150) }),
    await fleet.add({ deviceTokens: recipients.slice(150), lane: 'urgent' }),
  ];
  await until(
    () => fleet.workers[0]!.gate.causes,
    (causes) => causes.includes('breaker'),
  );
  await sleep(2_500);
  // One before a connection has proved itself, then the probes after 1 s, 2 s, 5 s …
  expect(fleet.apns.requestCount()).toBeLessThanOrEqual(4);
  fleet.apns.script('');
  for (const batch of batches) {
    const told = await until(
      () => fleet.told(batch),
      (seen) => seen?.ended === true,
      15_000,
    );
    expect(tally(told!.progress.outcomes)).toMatchObject({ accepted: 150 });
    expect(told!.progress.trials.size).toBe(0);
  }
  expect(fleet.apns.acceptedCount()).toBe(300);
}, 180_000);

test('a topic that our credential may not use stops its own batches only, and costs them no attempt', async () => {
  fleet = await startWorkerFleet();
  fleet.apns.script('device b* answer 400 TopicDisallowed');
  const more = { pushType: 'voip', topic: `${TOPIC}.voip` };
  const voip = await fleet.add({ deviceTokens: deviceTokens(30, 'b'), more });
  await until(
    () => fleet.counts('bulk'),
    ({ delayed }) => delayed === 1,
  );
  const alert = await fleet.add({ deviceTokens: deviceTokens(30) });
  await until(
    () => fleet.told(alert),
    (seen) => seen?.ended === true,
    1_000,
  );
  const refused = fleet.apns.requests().filter(({ status }) => status === 400).length;
  expect(fleet.workers[0]!.gate.isOpen).toBe(true);
  expect(refused).toBeLessThanOrEqual(30 + 1);
  fleet.apns.script('device b* accept');
  const told = await until(
    () => fleet.told(voip),
    (seen) => seen?.ended === true,
  );
  expect(tally(told!.progress.outcomes)).toMatchObject({ accepted: 30 });
  expect(told!.progress.trials.size).toBe(0);
}, 180_000);

test('a worker that cannot reach APNs leaves its jobs to one that can', async () => {
  fleet = await startWorkerFleet({ workers: 0 });
  const lonely = fleet.startWorker(`https://localhost:${await findFreePort()}`);
  const batch = await fleet.add({ deviceTokens: deviceTokens(3), lane: 'urgent' });
  await until(
    () => fleet.counts('urgent'),
    ({ active }) => active === 1,
  );
  await until(
    () => lonely.gate.causes,
    (causes) => causes.includes('connection'),
    4_000,
  );
  await until(
    () => fleet.counts('urgent'),
    ({ waiting }) => waiting === 1,
  );
  fleet.startWorker();
  const told = await until(
    () => fleet.told(batch),
    (seen) => seen?.ended === true,
    4_000,
  );
  expect(tally(told!.progress.outcomes)).toMatchObject({ accepted: 3 });
});
