import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { insertGroup, insertNotifications, insertTokens, range } from '../harness/backend-rows.ts';
import { deviceToken, type Fleet, startFleet } from '../harness/fleet.ts';
import { untilTrue } from '../harness/wait.ts';

const RECIPIENTS = 2_000;
const RATE = 200;
const LATENCY_MS = 200;
let fleet: Fleet;

beforeEach(async () => {
  fleet = await startFleet({
    simulator: { latencyMs: LATENCY_MS },
    environment: { PUSHFLEET_RATE_PER_SECOND: String(RATE), PUSHFLEET_URGENT_MAX_RECIPIENTS: '0' },
  });
  await insertTokens(
    fleet.database,
    range(1, RECIPIENTS).map((id) => ({ id, deviceToken: deviceToken(id) })),
  );
  await insertGroup(fleet.database, 1, range(1, RECIPIENTS));
}, 180_000);
afterEach(() => fleet?.stop(), 60_000);

test('F18: a worker stopped past its lock sends no further request for those recipients, its checkpoint is refused', async () => {
  const { simulator, database } = fleet;
  await fleet.startProducer();
  const stopped = await fleet.startWorker();
  await insertNotifications(database, [{ id: 1, groupIds: [1] }]);
  await untilTrue(
    () => simulator.acceptedCount(),
    (accepted) => accepted > 150,
  );
  stopped.kill('SIGSTOP');
  await sleep(2 * LATENCY_MS);
  const [before] = simulator.requests(0, 1);
  const sentBefore = simulator.requestCount();
  const stoppedAt = performance.now();
  await fleet.startWorker();
  await untilTrue(
    () => simulator.requestCount(),
    (requests) => requests > sentBefore + 100,
  );
  // Past the lock of 6 s, and somebody else is at its batches.
  expect(performance.now() - stoppedAt).toBeGreaterThan(3_000);
  await sleep(Math.max(0, 10_000 - (performance.now() - stoppedAt)));
  const running = await fleet.status(1);
  expect(running.pending).toBeGreaterThan(0);
  stopped.kill('SIGCONT');
  const continuedAt = simulator.requestCount();
  await stopped.printed('"event":"batch.takenOver"');
  await fleet.ended([1]);
  const perDevice = new Map<string, number>();
  for (const { deviceToken: to } of simulator.requests()) perDevice.set(to, (perDevice.get(to) ?? 0) + 1);
  expect(perDevice.size).toBe(RECIPIENTS);
  // What it had sent and not yet saved when it was stopped, and no more: 0.1 s of checkpoint, and what flew.
  expect(simulator.requestCount() - RECIPIENTS).toBeLessThanOrEqual(RATE * (0.2 + LATENCY_MS / 1_000) + 20);
  // After it went on it repeated nobody but those whose request it had begun when it was stopped and that
  // had not left the process: the turn of the event loop that the signal cut in two.
  const earlier = new Set(simulator.requests(0, continuedAt).map((request) => request.deviceToken));
  const repeated = simulator
    .requests(continuedAt)
    .filter((request) => request.connection === before!.connection && earlier.has(request.deviceToken));
  expect(repeated.length).toBeLessThanOrEqual(RATE * (LATENCY_MS / 1_000));
  expect(await fleet.status(1)).toMatchObject({ state: 'done', accepted: RECIPIENTS, pending: 0 });
}, 180_000);
