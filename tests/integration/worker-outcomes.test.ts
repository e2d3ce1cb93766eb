import { afterEach, expect, test } from '@jest/globals';
import { tally } from '@pushfleet/shared/domain/outcomes';
import { within } from '../harness/time-limit.ts';
import { deviceTokens, startWorkerFleet, TOPIC, until, type WorkerFleet } from '../harness/worker-fleet.ts';

let fleet: WorkerFleet;

afterEach(() => fleet.close());

test('a batch is accepted by APNs, told once and for good, and its job is gone', async () => {
  fleet = await startWorkerFleet();
  const recipients = deviceTokens(1_200);
  const batch = await fleet.add({ deviceTokens: recipients });

  const told = await until(
    () => fleet.told(batch),
    (seen) => seen?.ended === true,
  );
  expect(tally(told!.progress.outcomes)).toMatchObject({ accepted: 1_200, waiting: 0 });
  expect(
    fleet.apns
      .accepted()
      .map((push) => push.deviceToken)
      .sort(),
  ).toEqual([...recipients].sort());
  const [push] = fleet.apns.accepted(0, 1);
  expect(push).toMatchObject({
    topic: TOPIC,
    pushType: 'alert',
    priority: '10',
    collapseId: batch.collapseId,
    expiration: String(Math.floor(batch.deadline / 1_000)),
    payload: batch.payload,
  });
  await until(
    () => fleet.counts('bulk'),
    ({ all }) => all === 0,
  );
});

test('F6: six recipients, six answers: each is tried again in its own time, none early, none accepted twice', async () => {
  fleet = await startWorkerFleet({ retryDelaysMs: [800] });
  const [limited, unavailable, broken, gone, reset, fine] = deviceTokens(6);
  fleet.apns.script(`
    device ${limited} answer 429 TooManyRequests retry-after 2 times 1 then accept
    device ${unavailable} answer 503 ServiceUnavailable retry-after 3 times 1 then accept
    device ${broken} answer 500 InternalServerError times 1 then accept
    device ${gone} answer 410 Unregistered timestamp 1700000000000
    device ${reset} reset times 1 then accept
  `);
  const batch = await fleet.add({ deviceTokens: deviceTokens(6) });

  const told = await until(
    () => fleet.told(batch),
    (seen) => seen?.ended === true,
    15_000,
  );
  expect(tally(told!.progress.outcomes)).toMatchObject({ accepted: 5, retired: 1 });
  expect(told!.progress.refusals.get(3)).toMatchObject({
    status: 410,
    reason: 'Unregistered',
    timestamp: 1_700_000_000_000,
    attempts: 1,
    deviceToken: expect.stringMatching(/^[0-9a-f]{16}$/),
  });
  expect(told!.progress.resent).toBe(1);
  expect([...told!.progress.refusals.keys()]).toEqual([3]);
  const gaps = new Map<string, number[]>();
  for (const { deviceToken, atMs } of fleet.apns.requests())
    gaps.set(deviceToken, [...(gaps.get(deviceToken) ?? []), atMs]);
  const gap = (deviceToken: string) => gaps.get(deviceToken)![1]! - gaps.get(deviceToken)![0]!;
  expect(gap(limited!)).toBeGreaterThanOrEqual(2_000);
  expect(gap(limited!)).toBeLessThan(within(3_000));
  expect(gap(unavailable!)).toBeGreaterThanOrEqual(3_000);
  expect(gap(broken!)).toBeGreaterThanOrEqual(800);
  expect(gap(broken!)).toBeLessThan(within(1_900));
  expect(gap(reset!)).toBeLessThan(within(500));
  expect(gaps.get(gone!)).toHaveLength(1);
  expect(gaps.get(fine!)).toHaveLength(1);
  const accepted = fleet.apns.accepted().map((push) => push.deviceToken);
  expect(accepted).toHaveLength(new Set(accepted).size);
}, 180_000);

test('a job that failed for good says why, and its retry sends to the failed recipients only', async () => {
  fleet = await startWorkerFleet({ maxAttempts: 2, retryDelaysMs: [50] });
  const recipients = deviceTokens(5);
  fleet.apns.script(`
    device ${recipients[1]} answer 503 ServiceUnavailable times 2 then accept
    device ${recipients[3]} answer 500 InternalServerError times 2 then accept
  `);
  const batch = await fleet.add({ deviceTokens: recipients });
  const [failed] = await until(
    () => fleet.queues.bulk.getFailed(),
    (jobs) => jobs.length === 1,
  );
  expect(failed!.failedReason).toBe(
    '2 of 5 recipients failed after 2 attempts: ServiceUnavailable 1, InternalServerError 1; retry sends to these only',
  );
  const first = await fleet.told(batch);
  expect(first!.ended).toBe(true);
  expect(tally(first!.progress.outcomes)).toMatchObject({ accepted: 3, failed: 2 });

  await failed!.retry();
  const told = await until(
    () => fleet.told(batch),
    (seen) => tally(seen!.progress.outcomes).accepted === 5,
  );
  expect(tally(told!.progress.outcomes)).toMatchObject({ accepted: 5 });
  const requests = fleet.apns.requests().map((request) => request.deviceToken);
  for (const [i, recipient] of recipients.entries())
    expect(requests.filter((one) => one === recipient)).toHaveLength(i === 1 || i === 3 ? 3 : 1);
});

test('who must wait for more than a minute leaves Redis: the batch is told as ended, with the time to come back', async () => {
  fleet = await startWorkerFleet();
  const [slow, fine] = deviceTokens(2);
  fleet.apns.script(`device ${slow} answer 503 ServiceUnavailable retry-after 300`);
  const batch = await fleet.add({ deviceTokens: [slow!, fine!] });

  const told = await until(
    () => fleet.told(batch),
    (seen) => seen?.ended === true,
  );
  expect(tally(told!.progress.outcomes)).toMatchObject({ accepted: 1, waiting: 1 });
  expect(told!.progress.trials.get(0)).toMatchObject({ attempts: 1, reason: 'ServiceUnavailable' });
  expect(told!.progress.trials.get(0)!.notBefore).toBeGreaterThan(Date.now() + 250_000);
  await until(
    () => fleet.counts('bulk'),
    ({ all }) => all === 0,
  );
});

test('a retry from Bull Board that is told to wait for long waits in Redis: for MySQL the batch is settled', async () => {
  fleet = await startWorkerFleet({ maxAttempts: 1 });
  const [slow] = deviceTokens(1);
  fleet.apns.script(`device ${slow} answer 500 InternalServerError times 1 then accept`);
  const batch = await fleet.add({ deviceTokens: [slow!] });
  const [failed] = await until(
    () => fleet.queues.bulk.getFailed(),
    (jobs) => jobs.length === 1,
  );
  fleet.apns.script(`device ${slow} answer 503 ServiceUnavailable retry-after 300 times 1 then accept`);
  await fleet.workers[0]!.stop(5_000);
  await failed!.retry();
  fleet.startWorker(undefined, { maxAttempts: 2 });
  await until(
    () => fleet.counts('bulk'),
    ({ delayed }) => delayed === 1,
  );
  expect(fleet.apns.requestCount()).toBe(2);
  expect(tally((await fleet.told(batch))!.progress.outcomes)).toMatchObject({ failed: 1 });
});

test('a batch past its deadline is told as expired and sent to nobody', async () => {
  fleet = await startWorkerFleet();
  const batch = await fleet.add({ deviceTokens: deviceTokens(3), deadlineInMs: -1 });
  const told = await until(
    () => fleet.told(batch),
    (seen) => seen?.ended === true,
  );
  expect(tally(told!.progress.outcomes)).toMatchObject({ expired: 3 });
  expect(fleet.apns.requestCount()).toBe(0);
});

test.each([
  ['F32: a copy under another id', (b: object) => ({ ...b, seq: 2 }), /is a copy of b-\d+-2-0/],
  ['a job that holds no batch', () => ({ hello: 'a1b2'.repeat(20) }), /^the job does not hold a batch/],
  [
    'lists of different lengths',
    (b: object) => ({ ...b, tokens: '' }),
    /3 waiting recipients but 0 device tokens/,
  ],
])('%s is never sent: it fails with a sentence', async (_, spoil, sentence) => {
  fleet = await startWorkerFleet();
  const data = { ...(await fleet.add({ deviceTokens: deviceTokens(3), lane: 'urgent' })) };
  await fleet.queues.bulk.add('spoilt', spoil(data) as never, { jobId: `b-${data.dispatch}-1-0` });
  const [failed] = await until(
    () => fleet.queues.bulk.getFailed(),
    (jobs) => jobs.length === 1,
  );
  expect(failed!.failedReason).toMatch(sentence);
  expect(failed!.failedReason).not.toMatch(/a1b2|a0000000/);
  await until(
    () => fleet.apns.acceptedCount(),
    (accepted) => accepted === 3,
  );
  expect(fleet.apns.requestCount()).toBe(3);
});

test.each([
  ['another topic', { topic: 'com.example.other' }],
  ['another environment', { environment: 'sandbox' as const }],
  ['another installation', { fleet: 'elsewhere' }],
  ['a newer format', { v: 2 as never }],
])('a job of %s is handed back unsent', async (_, more) => {
  fleet = await startWorkerFleet();
  await fleet.add({ deviceTokens: deviceTokens(2), more });
  await until(
    () => fleet.counts('bulk'),
    ({ delayed }) => delayed === 1,
  );
  expect(fleet.apns.requestCount()).toBe(0);
});
