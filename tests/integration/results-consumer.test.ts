import { afterEach, expect, test } from '@jest/globals';
import type { BatchResult } from '@pushfleet/shared/domain/batch-job';
import { encodeProgress, newProgress } from '@pushfleet/shared/domain/batch-progress';
import { createLog } from '@pushfleet/shared/platform/log';
import type { Stoppable } from '@pushfleet/shared/platform/stop';
import { addResults, openQueue, type ResultsQueue } from '@pushfleet/shared/queue/lane-queue';
import { consumeResults } from '@pushfleet/shared/queue/results-consumer';
import { APP, startWorkerFleet, until, type WorkerFleet } from '../harness/worker-fleet.ts';

let fleet: WorkerFleet;
let queue: ResultsQueue;
let consumer: Stoppable;

afterEach(async () => {
  await consumer.stop(1_000);
  await queue.close();
  await fleet.close();
});

/** Consumes what `record` takes, in a Redis that holds the results of so many dispatches. */
async function consume(dispatches: number, record: (told: readonly BatchResult[]) => Promise<void>) {
  fleet = await startWorkerFleet({ workers: 0 });
  queue = openQueue<BatchResult>(fleet.redis, fleet.prefix, APP, 'results');
  const results = Array.from({ length: dispatches }, (_, i) => ({
    result: {
      v: 1 as const,
      fleet: 'fleet001',
      dispatch: i + 1,
      seq: 1,
      generation: 1,
      nonce: 'abcd',
      app: APP,
      worker: 'w',
      progress: encodeProgress(newProgress(1)),
      ended: true,
    },
    unique: String(i),
  }));
  await addResults(queue, results);
  const log = createLog('producer', { level: 'silent', format: 'json' });
  consumer = consumeResults({ redis: fleet.redis, prefix: fleet.prefix, app: APP, record, log });
}

test('one result that cannot be recorded holds up no other, and is kept', async () => {
  const recorded = new Set<number>();
  await consume(150, async (told) => {
    if (told.some(({ dispatch }) => dispatch === 70)) throw new Error('MySQL takes it amiss');
    for (const { dispatch } of told) recorded.add(dispatch);
  });
  await until(
    () => recorded.size,
    (size) => size === 149,
    5_000,
  );
  const counts = await until(
    () => queue.getJobCounts('delayed', 'waiting', 'active', 'failed'),
    (seen) => seen.active === 0,
  );
  expect(counts).toMatchObject({ delayed: 1, waiting: 0, failed: 0 });
}, 180_000);

test('while MySQL is away results are kept, seldom tried, and recorded when it is back', async () => {
  let isBack = false;
  let tries = 0;
  const recorded = new Set<number>();
  await consume(300, async (told) => {
    tries++;
    if (!isBack) throw new Error('MySQL is away');
    for (const { dispatch } of told) recorded.add(dispatch);
  });
  await new Promise((resolve) => setTimeout(resolve, 2_000));
  expect(tries).toBeLessThan(60);
  isBack = true;
  await until(
    () => recorded.size,
    (size) => size === 300,
  );
}, 180_000);

test('a result in a newer format stays for a newer producer, and holds up no other', async () => {
  const recorded = new Set<number>();
  await consume(3, async (told) => {
    for (const { dispatch } of told) recorded.add(dispatch);
  });
  const newer = { v: 2, dispatch: 9, seq: 1, generation: 0 } as unknown as BatchResult;
  await addResults(queue, [{ result: newer, unique: 'x' }]);
  const [kept] = await until(
    () => queue.getJobs(['delayed']),
    (jobs) => jobs.length === 1 && recorded.size === 3,
  );
  expect([kept!.data, kept!.attemptsMade]).toEqual([newer, 0]);
}, 180_000);
