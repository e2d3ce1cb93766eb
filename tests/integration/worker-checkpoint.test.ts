import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import {
  type Checkpoint,
  jobKeys,
  readCheckpoint,
  writeCheckpoints,
} from '@pushfleet/shared/queue/checkpoint';
import { queuePrefix } from '@pushfleet/shared/queue/keys';
import { type Job, Worker } from 'bullmq';
import { APP, deviceTokens, startWorkerFleet, until, type WorkerFleet } from '../harness/worker-fleet.ts';

let fleet: WorkerFleet;
let bull: Worker | undefined;

beforeEach(async () => {
  fleet = await startWorkerFleet({ workers: 0 });
});

afterEach(async () => {
  await bull?.close(true);
  bull = undefined;
  await fleet.close();
});

/** Takes the one job of the bulk lane as BullMQ does, and leaves it active. */
async function takeJob(): Promise<{ job: Job; lockToken: string }> {
  bull ??= new Worker('bulk', null, {
    connection: { url: fleet.redisUrl, maxRetriesPerRequest: null },
    prefix: queuePrefix(fleet.prefix, APP),
    autorun: false,
    lockDuration: 400,
    stalledInterval: 100,
  });
  const lockToken = `slot-${Math.random()}`;
  const job = await until(
    () => bull!.getNextJob(lockToken, { block: false }),
    (seen) => seen !== undefined,
  );
  return { job, lockToken };
}

function checkpointOf({ job, lockToken }: { job: Job; lockToken: string }, progress: string): Checkpoint {
  const run = { lane: 'bulk' as const, jobId: job.id!, lockToken, attemptsStarted: job.attemptsStarted };
  return { run, progress };
}

test('BullMQ keeps a job, its lock and its starts where the checkpoint looks for them', async () => {
  await fleet.add({ deviceTokens: deviceTokens(1) });
  const { job, lockToken } = await takeJob();
  const keys = jobKeys(fleet.prefix, APP, 'bulk', job.id!);
  expect(await fleet.redis.get(keys.lock)).toBe(lockToken);
  expect(await fleet.redis.hget(keys.job, 'ats')).toBe('1');
  expect(job.attemptsStarted).toBe(1);
});

test('a checkpoint is written by the run that owns the job, and survives the hand-back', async () => {
  const batch = await fleet.add({ deviceTokens: deviceTokens(1) });
  const first = await takeJob();
  const write = (progress: string) =>
    writeCheckpoints(fleet.redis, fleet.prefix, APP, [checkpointOf(first, progress)]);
  expect(await write('one')).toEqual([true]);
  await first.job.moveToWait(first.lockToken);
  expect(await write('late')).toEqual([false]);
  const id = `b-${batch.dispatch}-1-0`;
  expect(await readCheckpoint(fleet.redis, fleet.prefix, APP, 'bulk', id)).toBe('one');
});

test('a zombie whose lock was taken over cannot overwrite what its successor knows', async () => {
  await fleet.add({ deviceTokens: deviceTokens(1) });
  const zombie = await takeJob();
  await bull!.startStalledCheckTimer();
  await sleep(600);
  const successor = await takeJob();
  const both = [checkpointOf(successor, 'new'), checkpointOf(zombie, 'old')];
  expect(await writeCheckpoints(fleet.redis, fleet.prefix, APP, both)).toEqual([true, false]);
  expect(await readCheckpoint(fleet.redis, fleet.prefix, APP, 'bulk', zombie.job.id!)).toBe('new');
});

test('an ended run that shares its lock token with the next one is refused by its number of starts', async () => {
  await fleet.add({ deviceTokens: deviceTokens(1) });
  const { job, lockToken } = await takeJob();
  await job.moveToWait(lockToken);
  // A slot of BullMQ keeps its lock token over many jobs, and may get the same one again.
  const again = await until(
    () => bull!.getNextJob(lockToken, { block: false }),
    (seen) => seen !== undefined,
  );
  const entries = [checkpointOf({ job, lockToken }, 'old'), checkpointOf({ job: again, lockToken }, 'new')];
  expect(await writeCheckpoints(fleet.redis, fleet.prefix, APP, entries)).toEqual([false, true]);
});

test('F1: a worker goes on where a dead one was: it sends to those only that no checkpoint knows as settled', async () => {
  const recipients = deviceTokens(40);
  const batch = await fleet.add({ deviceTokens: recipients });
  const dead = await takeJob();
  const { decodeProgress, encodeProgress, markAccepted } = await import(
    '@pushfleet/shared/domain/batch-progress'
  );
  const progress = decodeProgress(batch.progress);
  for (let i = 0; i < 25; i++) markAccepted(progress, i, Date.now());
  await writeCheckpoints(fleet.redis, fleet.prefix, APP, [checkpointOf(dead, encodeProgress(progress))]);
  await bull!.close(true);

  fleet.startWorker();
  const told = await until(
    () => fleet.told(batch),
    (seen) => seen?.ended === true,
    12_000,
  );
  expect([...told!.progress.outcomes].every((byte) => byte === 6)).toBe(true);
  expect(fleet.apns.requests().map((request) => request.deviceToken)).toEqual(recipients.slice(25));
});
