import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { compareWithSimulator } from '../harness/accepted-times.ts';
import { insertGroup, insertNotifications, insertTokens, range } from '../harness/backend-rows.ts';
import { deviceToken, type Fleet, startFleet } from '../harness/fleet.ts';
import { report } from '../harness/report.ts';
import { untilTrue } from '../harness/wait.ts';

const RECIPIENTS = 2_000;
const LATENCY_MS = 200;
const IN_FLIGHT = 150;
const WITHIN_MS = 10_000;
let fleet: Fleet;

beforeEach(async () => {
  fleet = await startFleet({
    simulator: { latencyMs: LATENCY_MS },
    environment: { PUSHFLEET_BATCH_SIZE: '100', PUSHFLEET_MAX_IN_FLIGHT: String(IN_FLIGHT) },
  });
  await insertTokens(
    fleet.database,
    range(1, RECIPIENTS).map((id) => ({ id, deviceToken: deviceToken(id) })),
  );
  await insertGroup(fleet.database, 1, range(1, RECIPIENTS));
}, 60_000);
afterEach(() => fleet?.stop(), 60_000);

test('F18: recipients of a worker that is killed in the middle of its batches go on elsewhere within 10 s', async () => {
  const { simulator, database } = fleet;
  await fleet.startProducer();
  const doomed = await fleet.startWorker();
  await fleet.startWorker();
  await insertNotifications(database, [{ id: 1, groupIds: [1] }]);
  await untilTrue(
    () => simulator.acceptedCount(),
    (accepted) => accepted > RECIPIENTS / 4,
  );
  doomed.kill('SIGKILL');
  const killedAt = Date.now();
  await fleet.ended([1], 30_000);
  const { recipients, accepted, duplicates, faults } = await compareWithSimulator(fleet, [1]);
  expect({ recipients, accepted, faults }).toEqual({
    recipients: RECIPIENTS,
    accepted: RECIPIENTS,
    faults: [],
  });
  const goOnMs = endOfLongestPause(simulator.acceptedTimes()) - killedAt;
  report('SIGKILL of a worker', { 'its recipients go on after': `${goOnMs} ms`, duplicates });
  // The survivor was done with its own before, or the test says nothing.
  expect(goOnMs).toBeGreaterThan(2_000);
  expect(goOnMs).toBeLessThan(WITHIN_MS);
  // What it had in flight, and what it could send within a checkpoint of 100 ms and the 100 ms that it may be late.
  expect(duplicates).toBeLessThanOrEqual(2 * IN_FLIGHT);
}, 90_000);

function endOfLongestPause(times: Float64Array): number {
  let [longest, end] = [0, 0];
  for (let i = 1; i < times.length; i++) {
    const pause = times[i]! - times[i - 1]!;
    if (pause > longest) [longest, end] = [pause, times[i]!];
  }
  return end;
}
