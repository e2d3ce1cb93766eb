import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { insertNotifications } from '../harness/backend-rows.ts';
import { type DoomedFleet, endAll, type Running, startDoomedFleet } from '../harness/doomed-fleet.ts';
import { report } from '../harness/report.ts';
import { within } from '../harness/time-limit.ts';
import { untilTrue } from '../harness/wait.ts';

const RECIPIENTS = 1_500;
const PER_SECOND = 1_000;
const STREAMS = 50;
const DRAIN_MS = 5_000;
/** What one worker may send while no checkpoint is acknowledged (F18), and what is in flight. */
const DUPLICATES_AT_MOST = PER_SECOND * 0.3 + 2 * STREAMS;

let doomed: DoomedFleet;
let running: Running;
let notifications = 0;

beforeAll(async () => {
  doomed = await startDoomedFleet(
    RECIPIENTS,
    {
      PUSHFLEET_RATE_PER_SECOND: String(PER_SECOND),
      PUSHFLEET_URGENT_MAX_RECIPIENTS: '0',
      PUSHFLEET_BATCH_SIZE: '100',
      PUSHFLEET_DRAIN_TIMEOUT_MS: String(DRAIN_MS),
    },
    { simulator: { latencyMs: 20, streamLimit: STREAMS } },
  );
  running = await doomed.startAll();
}, 60_000);
afterAll(() => doomed?.stop(), 60_000);

test.each<[string, () => unknown, () => unknown]>([
  ['Redis is killed', () => doomed.kill(), () => doomed.start()],
  ['Redis is silent', () => doomed.signal('SIGSTOP'), () => doomed.signal('SIGCONT')],
  ['MySQL is killed', () => doomed.mysql.kill('SIGKILL'), () => doomed.mysql.start()],
  ['MySQL is silent', () => doomed.mysql.kill('SIGSTOP'), () => doomed.mysql.kill('SIGCONT')],
  ['nobody listens where APNs was', () => doomed.relay().close(), () => {}],
  ['APNs is silent with requests in flight', () => doomed.relay().goSilent(), () => {}],
])(
  'SIGTERM while %s: all end in time, and started again they lose nobody',
  async (fault, hurt, mend) => {
    const { simulator, database } = doomed.fleet;
    const id = ++notifications;
    const before = simulator.acceptedCount();
    await insertNotifications(database, [{ id, groupIds: [1] }]);
    await untilTrue(
      () => simulator.acceptedCount(),
      (count) => count > before + RECIPIENTS / 5,
    );
    await hurt();
    const ended = await endAll(running, 'SIGTERM', 4 * DRAIN_MS);
    report(`SIGTERM while ${fault}`, Object.fromEntries(ended.map(({ name, code, ms }) => [name, `${code} in ${ms} ms`])));
    await mend();
    const outputs = Object.values(running).map((one) => one.output().split('\n').slice(-25).join('\n'));
    if (process.env.SHOW) process.stderr.write(`${fault}\n${outputs.join('\n----\n')}\n`);
    running = await doomed.startAll();
    await doomed.fleet.ended([id], 40_000);
    const accepted = simulator.accepted(before).map((push) => push.deviceToken);
    expect(new Set(accepted).size).toBe(RECIPIENTS);
    expect(accepted.length - RECIPIENTS).toBeLessThanOrEqual(DUPLICATES_AT_MOST);
    report('duplicates', { n: accepted.length - RECIPIENTS });
    expect(await doomed.fleet.status(id)).toMatchObject({ state: 'done', accepted: RECIPIENTS, pending: 0 });
    for (const { code, ms } of ended) {
      expect(code).toBe(0);
      expect(ms).toBeLessThan(within(DRAIN_MS));
    }
  },
  90_000,
);
