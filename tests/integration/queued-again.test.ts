import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { batchJobId } from '@pushfleet/shared/domain/batch-job';
import { queuePrefix } from '@pushfleet/shared/queue/keys';
import { addBatches, forgetAdded } from '@pushfleet/shared/queue/lane-queue';
import { UnrecoverableError, Worker } from 'bullmq';
import { APP, deviceTokens, startWorkerFleet, until, type WorkerFleet } from '../harness/worker-fleet.ts';

let fleet: WorkerFleet;
let bull: Worker;

beforeEach(async () => {
  fleet = await startWorkerFleet({ workers: 0 });
  bull = new Worker('bulk', null, {
    connection: { url: fleet.redisUrl, maxRetriesPerRequest: null },
    prefix: queuePrefix(fleet.prefix, APP),
    autorun: false,
    lockDuration: 200,
  });
});

afterEach(async () => {
  await bull.close(true);
  await fleet.close();
});

/** Adds a batch and takes its job as a worker does. */
async function take() {
  const batch = await fleet.add({ deviceTokens: deviceTokens(2) });
  const job = await until(
    () => bull.getNextJob('slot', { block: false }),
    (seen) => seen !== undefined,
  );
  return { batch, job };
}

async function queueAgain(batch: Awaited<ReturnType<WorkerFleet['add']>>) {
  const again = { ...batch, generation: batch.generation + 1 };
  await forgetAdded(fleet.queues.bulk, [again]);
  await addBatches(fleet.queues.bulk, [again]);
  return fleet.queues.bulk.getJobState(batchJobId(batch.dispatch, batch.seq, again.generation));
}

test('a batch that is queued again leaves no job behind whose worker died when it had parked it', async () => {
  const { batch, job } = await take();
  await sleep(300); // its lock runs out
  expect(await queueAgain(batch)).toBe('waiting');
  expect(await fleet.queues.bulk.getJobState(job.id!)).toBe('unknown');
  expect(await fleet.counts('bulk')).toMatchObject({ active: 0, all: 1 });
});

test('nor a failed one, which a person could retry: everybody would get it again', async () => {
  const { batch, job } = await take();
  await job.moveToFailed(new UnrecoverableError('job stalled more than allowable limit'), 'slot', false);
  expect(await queueAgain(batch)).toBe('waiting');
  expect(await fleet.queues.bulk.getJobState(job.id!)).toBe('unknown');
});
