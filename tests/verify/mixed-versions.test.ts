import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { reconcile } from '@pushfleet/app-producer/reconcile';
import { ResultRecorder } from '@pushfleet/app-producer/record-results';
import { findFreePort } from '@pushfleet/local-servers/free-port';
import type { BatchResult } from '@pushfleet/shared/domain/batch-job';
import { createLog } from '@pushfleet/shared/platform/log';
import { addResults } from '@pushfleet/shared/queue/lane-queue';
import { connectRedis } from '@pushfleet/shared/queue/redis-connection';
import { consumeResults } from '@pushfleet/shared/queue/results-consumer';
import { requestCommand } from '@pushfleet/shared/store/commands';
import { SCHEMA_VERSION } from '@pushfleet/shared/store/migrations';
import { insertGroup, insertNotifications, insertTokens, range } from '../harness/backend-rows.ts';
import { deviceToken, type Fleet, startFleet } from '../harness/fleet.ts';
import { startProcess } from '../harness/fleet-process.ts';
import { type OpenProducer, openProducerContext } from '../harness/producer-context.ts';
import { untilTrue } from '../harness/wait.ts';

/** During an upgrade processes of two versions work together: docs/upgrading.md. */
let fleet: Fleet;
let context: OpenProducer;
const NEWER = SCHEMA_VERSION + 1;

beforeAll(async () => {
  fleet = await startFleet();
  await insertTokens(
    fleet.database,
    range(1, 3).map((id) => ({ id, deviceToken: deviceToken(id) })),
  );
  context = await openProducerContext(fleet);
}, 60_000);
afterAll(async () => {
  await context?.close();
  await fleet?.stop();
}, 60_000);

const setVersion = (version: number, oldest: number) =>
  fleet.database.query('UPDATE pushfleet_fleet SET schema_version = ?, oldest_program = ?', [
    version,
    oldest,
  ]);

test('a producer starts on newer tables that work with it, and says so; tools work, migrate leaves them', async () => {
  await setVersion(NEWER, SCHEMA_VERSION);
  const producer = await fleet.startProducer();
  expect(producer.output()).toMatch(`"event":"database.newer","found":${NEWER},"own":${SCHEMA_VERSION}`);
  const migrated = await fleet.run(['migrate']);
  expect([migrated.exitCode, migrated.stdout]).toEqual([
    0,
    `the tables are of version ${NEWER}, newer than this program (${SCHEMA_VERSION}), which works with them; they stay as they are\n`,
  ]);
  expect((await fleet.run(['status', '--json'])).exitCode).toBe(0);
  expect(await fleet.database.query('SELECT schema_version FROM pushfleet_fleet')).toEqual([
    { schema_version: NEWER },
  ]);
  await producer.stop();
});

test('nothing starts on tables that do not work with it any more: each says what to run', async () => {
  await setVersion(NEWER, NEWER);
  const refused = startProcess(['producer'], fleet.environment);
  expect(await refused.exited).toBe(1);
  const sentence = `version ${NEWER}, newer than this program (${SCHEMA_VERSION}), and work with programs from ${NEWER} on; run the newer program`;
  expect(refused.output()).toContain(sentence);
  for (const command of ['migrate', 'status']) {
    const { exitCode, stderr } = await fleet.run([command]);
    expect([command, exitCode, stderr]).toEqual([command, 1, expect.stringContaining(sentence)]);
  }
});

test('on older tables nothing starts before migrate; one that broke off half way is finished', async () => {
  await setVersion(SCHEMA_VERSION - 1, 1); // and the column of the last version is there already
  const refused = startProcess(['producer'], fleet.environment);
  expect(await refused.exited).toBe(1);
  expect(refused.output()).toMatch(/works with \d+; run: pushfleet migrate/);
  const { exitCode, stdout } = await fleet.run(['migrate']);
  expect([exitCode, stdout]).toEqual([0, 'applied 0002-oldest-program\n']);

  await fleet.database.query('ALTER TABLE pushfleet_fleet DROP COLUMN oldest_program');
  await fleet.database.query('UPDATE pushfleet_fleet SET schema_version = 1');
  expect((await fleet.run(['migrate'])).stdout).toBe('applied 0002-oldest-program\n');
  expect((await fleet.run(['migrate'])).stdout).toBe('the tables are up to date\n');
});

test('in the middle of a broadcast: tables first, then the producer, then the worker; everybody gets it once', async () => {
  const recipients = 3_000;
  await insertTokens(
    fleet.database,
    range(1_001, 1_000 + recipients).map((id) => ({ id, deviceToken: deviceToken(id) })),
  );
  await insertGroup(fleet.database, 1, range(1_001, 1_000 + recipients));
  const more = { PUSHFLEET_RATE_PER_SECOND: '1000' };
  const [oldProducer, oldWorker] = [await fleet.startProducer(more), await fleet.startWorker()];
  await insertNotifications(fleet.database, [{ id: 100, groupIds: [1] }]);
  const accepted = (least: number) =>
    untilTrue(
      () => fleet.simulator.acceptedCount(),
      (count) => count >= least,
    );
  await accepted(300);
  await setVersion(NEWER, SCHEMA_VERSION); // what `migrate` of the next version leaves
  const newProducer = await fleet.startProducer(more);
  expect(await oldProducer.stop()).toBe(0);
  await accepted(1_200);
  const newWorker = await fleet.startWorker();
  expect(await oldWorker.stop()).toBe(0);
  expect(fleet.simulator.acceptedCount()).toBeLessThan(recipients);
  await fleet.ended([100]);
  expect(await fleet.status(100)).toMatchObject({
    state: 'done',
    accepted: recipients,
    resentWithoutAnswer: 0,
  });
  expect(fleet.simulator.requestCount()).toBe(recipients);
  await Promise.all([newWorker.stop(), newProducer.stop()]);
  await setVersion(SCHEMA_VERSION, 1);
}, 60_000);

test('a job of a newer producer is handed back: unsent, no attempt spent, not taken again at once', async () => {
  const producer = await fleet.startProducer();
  await insertNotifications(fleet.database, [{ id: 1, tokenIds: [1, 2] }]);
  const { urgent } = context.queues[0]!.lanes;
  const job = await untilTrue(
    async () => (await urgent.getJobs(['waiting', 'prioritized']))[0],
    (one) => one !== undefined,
  );
  await job!.updateData({ ...job!.data, v: 2 as never, somethingNew: true } as never);

  const asked = fleet.simulator.requestCount();
  const port = String(await findFreePort());
  const worker = await fleet.startWorker({ PUSHFLEET_HTTP_PORT: port });
  await worker.printed('"job.refused"');
  expect(worker.output()).toContain('does not know its format 2; upgrade the workers');
  const [delayed] = await untilTrue(
    () => urgent.getJobs(['delayed']),
    (jobs) => jobs.length === 1,
  );
  expect(delayed!.attemptsMade).toBe(0);
  expect(delayed!.delay).toBeGreaterThan(5_000);
  const metrics = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  expect(metrics).toContain('pushfleet_jobs_refused_total{app="default",cause="format"} 1\n');
  expect(fleet.simulator.requestCount()).toBe(asked);
  expect(await fleet.status(1)).toMatchObject({ state: 'sending', pending: 2 });

  // A worker that knows the format would take it now.
  await delayed!.updateData({ ...delayed!.data, v: 1 });
  await delayed!.promote();
  await fleet.ended([1]);
  expect(await fleet.status(1)).toMatchObject({ state: 'done', accepted: 2, resentWithoutAnswer: 0 });
  expect(fleet.simulator.requestCount()).toBe(asked + 2);
  await Promise.all([worker.stop(), producer.stop()]);
});

test('a result of a newer worker waits for a newer producer: it is not dropped, and its batch is not sent again', async () => {
  const producer = await fleet.startProducer();
  await insertNotifications(fleet.database, [{ id: 2, tokenIds: [3] }]);
  const { results, lanes } = context.queues[0]!;
  const job = await untilTrue(
    async () => (await lanes.urgent.getJobs(['waiting', 'prioritized']))[0],
    (one) => one !== undefined,
  );
  await producer.stop();
  const { fleet: name, dispatch, seq, generation, nonce, app } = job!.data;
  const result = { fleet: name, dispatch, seq, generation, nonce, app, worker: 'newer' };
  await job!.remove(); // as its worker does when it has told what became of it
  const newer = { ...result, v: 2, progress: 'unknown', ended: true } as unknown as BatchResult;
  await addResults(results, [{ result: newer, unique: 'x' }]);

  const redis = connectRedis(
    {
      target: context.config.PUSHFLEET_REDIS_URL,
      log: createLog('producer', { level: 'silent', format: 'json' }),
    },
    'working',
  );
  const recorder = new ResultRecorder(context, { settled() {}, retired() {}, parked() {} });
  const recorded: BatchResult[] = [];
  const lines: unknown[] = [];
  const log = { ...silent(), error: (facts: { event: string }) => void lines.push(facts.event) };
  const consumer = consumeResults({
    redis,
    prefix: fleet.redisPrefix,
    app,
    record: async (some) => void recorded.push(...some),
    log: log as never,
  });
  try {
    const [kept] = await untilTrue(
      () => results.getJobs(['delayed']),
      (jobs) => jobs.length === 1,
    );
    expect([recorded, lines, kept!.attemptsMade]).toEqual([[], ['result.unknownFormat'], 0]);
    expect(await reconcile(context, recorder, context.queues[0]!, 10)).toBe(0);
    // What a newer producer makes of it.
    await kept!.updateData({ ...result, v: 1, progress: job!.data.progress, ended: true });
    await untilTrue(
      () => recorded.length,
      (count) => count === 1,
    );
  } finally {
    await consumer.stop(5_000);
    redis.disconnect();
  }
});

test.each([
  ['a verb', 'snooze', '{"app":"default"}'],
  ['an argument', 'pause', '{"app":"default","until":"tomorrow"}'],
])('%s that this producer does not know is answered at once and does nothing', async (_, verb, text) => {
  const producer = await fleet.startProducer();
  const command = { verb, ...JSON.parse(text) } as never;
  const id = await requestCommand(context.store, command, 'a newer tool');
  const [row] = await untilTrue(
    () => fleet.database.query('SELECT succeeded, result FROM pushfleet_command WHERE id = ?', [id]),
    ([seen]) => seen?.succeeded !== null,
  );
  expect(row).toEqual({
    succeeded: 0,
    result: `this producer does not know the command ${verb} with these arguments; is it older than who asks? Upgrade the producers and ask again`,
  });
  expect(await fleet.database.query('SELECT paused_at FROM pushfleet_app')).toEqual([{ paused_at: null }]);
  await producer.stop();
});

function silent() {
  const nothing = () => {};
  return { debug: nothing, info: nothing, warn: nothing, error: nothing, fatal: nothing };
}
