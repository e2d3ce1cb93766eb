import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { insertNotifications } from '../harness/backend-rows.ts';
import { type DoomedFleet, endAll, startDoomedFleet } from '../harness/doomed-fleet.ts';
import { report } from '../harness/report.ts';
import { within } from '../harness/time-limit.ts';
import { untilTrue } from '../harness/wait.ts';

const RECIPIENTS = 1_500;
const PER_SECOND = 1_000;
const STREAMS = 50;
const DRAIN_MS = 4_000;
/** So long a server is away when SIGTERM comes: every loop has met it. */
const AWAY_MS = 600;
/** What one worker may send while no checkpoint is acknowledged (F18), and what is in flight. */
const DUPLICATES_AT_MOST = PER_SECOND * 0.3 + 2 * STREAMS;

let doomed: DoomedFleet;

beforeAll(async () => {
  const environment = {
    PUSHFLEET_RATE_PER_SECOND: String(PER_SECOND),
    PUSHFLEET_URGENT_MAX_RECIPIENTS: '0',
    PUSHFLEET_BATCH_SIZE: '100',
    PUSHFLEET_DRAIN_TIMEOUT_MS: String(DRAIN_MS),
  };
  doomed = await startDoomedFleet(FAULTS.length, RECIPIENTS, environment, {
    simulator: { latencyMs: 20, streamLimit: STREAMS },
  });
}, 180_000);
afterAll(() => doomed?.stop(), 60_000);

/** The producer does not know APNs and the worker not MySQL, so those two may be away at once. */
const FAULTS: readonly (readonly [string, () => Promise<unknown>, () => Promise<unknown>])[] = [
  [
    'MySQL is killed and nobody listens where APNs was',
    () => Promise.all([doomed.mysql.kill('SIGKILL'), doomed.apnsLine().close()]),
    () => doomed.mysql.start(),
  ],
  [
    'MySQL and APNs are silent, requests in flight',
    async () => {
      doomed.apnsLine().goSilent();
      await doomed.mysql.kill('SIGSTOP');
    },
    () => doomed.mysql.kill('SIGCONT'),
  ],
  ['Redis is silent', () => doomed.signal('SIGSTOP'), () => doomed.signal('SIGCONT')],
  ['Redis is killed', () => doomed.kill(), () => doomed.start()],
];

test.each(FAULTS)(
  'SIGTERM while %s: all three end in time with 0',
  async (fault, hurt, mend) => {
    const { simulator, database } = doomed.fleet;
    const running = await doomed.startAll();
    const before = simulator.acceptedCount();
    const group = FAULTS.findIndex(([name]) => name === fault) + 1;
    await insertNotifications(database, [{ id: group, groupIds: [group] }]);
    await untilTrue(
      () => simulator.acceptedCount(),
      (count) => count > before + RECIPIENTS / 5,
    );
    await hurt();
    await sleep(AWAY_MS);
    const ended = await endAll(running, 'SIGTERM', 4 * DRAIN_MS);
    await mend();
    report(`SIGTERM while ${fault}`, Object.fromEntries(ended.map(({ name, ms }) => [name, `${ms} ms`])));
    expect(ended.map(({ name, code }) => [name, code])).toEqual([
      ['producer', 0],
      ['worker', 0],
      ['board', 0],
    ]);
    for (const { ms } of ended) expect(ms).toBeLessThan(within(DRAIN_MS));
  },
  60_000,
);

test('started again they lose nobody, and repeat no more than the bound', async () => {
  await doomed.startAll();
  const groups = FAULTS.map((_, at) => at + 1);
  await doomed.fleet.ended(groups);
  const recipients = groups.length * RECIPIENTS;
  const { simulator } = doomed.fleet;
  report('after all', { duplicates: simulator.acceptedCount() - recipients });
  expect(simulator.distinctAccepted()).toBe(recipients);
  expect(simulator.acceptedCount() - recipients).toBeLessThanOrEqual(groups.length * DUPLICATES_AT_MOST);
  for (const id of groups)
    expect(await doomed.fleet.status(id)).toMatchObject({
      state: 'done',
      recipients: RECIPIENTS,
      accepted: RECIPIENTS,
      pending: 0,
    });
}, 180_000);
