import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { KILL_POINTS, type KillPoint } from '@pushfleet/shared/platform/kill-point';
import { controlKey } from '@pushfleet/shared/queue/keys';
import { Redis } from 'ioredis';
import { compareWithSimulator } from '../harness/accepted-times.ts';
import { insertGroup, insertNotifications, insertTokens, range } from '../harness/backend-rows.ts';
import { deviceToken, type Fleet, startFleet } from '../harness/fleet.ts';
import { type FleetProcess, startProcess } from '../harness/fleet-process.ts';
import { report } from '../harness/report.ts';
import { untilTrue } from '../harness/wait.ts';

// F4, F5, F7, F18: a process dies by SIGKILL right after each step, another is started in its place, as a
// supervisor does. Several fleets at once, since a planning lease takes 10 s to run out.
const FLEETS = 5;
const BATCH_SIZE = 40;
const STREAMS = 20;
const LATENCY_MS = 30;
/** More than 20 groups are planned in two pages. */
const GROUPS = 25;
const GROUP_SIZE = 10;
const DIRECT = 45;
const AUDIENCE = GROUPS * GROUP_SIZE;
const RECIPIENTS = AUDIENCE + DIRECT + 3;

/** In the middle where a step is passed often: something was done before, and more is to come. */
const PASSES: Partial<Record<KillPoint, readonly number[]>> = {
  'producer.afterPage': [1, 2],
  'producer.afterCommit': [2],
  'producer.afterAdd': [2],
  'producer.afterRecord': [2],
  'producer.afterControl': [3],
  'worker.afterSend': [55],
  'worker.afterAnswer': [55],
  'worker.afterCheckpoint': [3],
  'worker.afterPublish': [3],
  'worker.afterJob': [2],
};
/** `KILL_POINT=afterCommit` in the environment runs those alone. */
const RUNS = KILL_POINTS.flatMap((point) => (PASSES[point] ?? [1]).map((pass) => ({ point, pass }))).filter(
  ({ point }) => point.includes(process.env.KILL_POINT ?? ''),
);

const fleets: Fleet[] = [];
const processes: FleetProcess[] = [];
beforeAll(async () => {
  for (let i = 0; i < FLEETS; i++)
    fleets.push(
      await startFleet({
        simulator: { latencyMs: LATENCY_MS, streamLimit: STREAMS },
        environment: { PUSHFLEET_BATCH_SIZE: String(BATCH_SIZE), PUSHFLEET_RETRY_DELAYS: '200ms' },
      }),
    );
}, 180_000);
afterAll(async () => {
  for (const { kill } of processes) kill('SIGKILL');
  await Promise.all(fleets.map((fleet) => fleet.stop()));
}, 180_000);

test('F4 F5 F7 F18: a process that dies after any step loses nobody, and repeats what flew at most', async () => {
  const figures: Record<string, string> = {};
  const queue = RUNS.map((run, number) => ({ ...run, number }));
  await Promise.all(
    fleets.map(async (fleet) => {
      for (let run = queue.shift(); run !== undefined; run = queue.shift()) {
        const name = `${run.point}:${run.pass}`;
        try {
          figures[name] = await dieAndGoOn(fleet, run.point, run.pass, run.number);
        } catch (error) {
          throw new Error(`${name}: ${(error as Error).message}`, { cause: error });
        }
      }
    }),
  );
  report('kill points: who died, and what came of it', figures);
  expect(Object.keys(figures)).toHaveLength(RUNS.length);
}, 480_000);

async function dieAndGoOn(fleet: Fleet, point: KillPoint, pass: number, number: number): Promise<string> {
  const ids = await insertWork(fleet, number);
  const dying = { PUSHFLEET_TEST_KILL_POINT: `${point}:${pass}` };
  const isProducer = point.startsWith('producer.');
  const [own, others] = isProducer ? (['producer', 'worker'] as const) : (['worker', 'producer'] as const);
  const startedAt = Date.now();
  const doomed = start(fleet, own, dying);
  // Redis is emptied before anything that is in it was sent.
  if (RECOVERY.has(point)) await Promise.race([emptyRedis(fleet), doomed.exited]);
  const other = start(fleet, others);
  const how = await Promise.race([doomed.exited, later(120_000)]);
  if (how !== 'SIGKILL') throw new Error(`it did not die: ${how}\n${doomed.output().slice(-2_000)}`);
  const diedAt = Date.now();
  const heir = start(fleet, own);
  await fleet.ended(ids).catch(async (error: Error) => {
    const rows = await fleet.database.query('SELECT * FROM pushfleet_dispatch WHERE notification_id IN (?)', [
      ids,
    ]);
    const said = [doomed, other, heir].map((one) => one.output().slice(-3_000)).join('\n---\n');
    throw new Error(`${error.message}\n${JSON.stringify(rows)}\n${said}`);
  });
  const seconds = ((Date.now() - diedAt) / 1_000).toFixed(1);

  const { recipients, duplicates, firstTimes, faults } = await compareWithSimulator(fleet, ids);
  expect({ recipients, faults }).toEqual({ recipients: RECIPIENTS, faults: [] });
  // A worker: requests in flight and a checkpoint of 100 ms, sending stops at 200. A producer sends nothing.
  // The death itself may be heard late; the last answer before it is not.
  const before = fleet.simulator.acceptedTimes().filter((at) => at <= diedAt);
  const last = Math.max(...before, startedAt);
  const late = before.filter((at) => at >= last - LATENCY_MS - 200 - BUSY_MS).length;
  const bound = isProducer && !RECOVERY.has(point) ? 0 : STREAMS + late;
  expect(duplicates).toBeLessThanOrEqual(bound);
  expect(firstTimes.filter((at) => at > diedAt || at < startedAt)).toEqual([]);
  for (const id of [ids[0]!, ids.at(-1)!]) {
    const { recipients, accepted } = await compareWithSimulator(fleet, [id]);
    expect(await fleet.status(id)).toMatchObject({ state: 'done', pending: 0, recipients, accepted });
  }
  expect(await Promise.all([other.stop(), heir.stop()])).toEqual([0, 0]);
  return `0 of ${recipients} lost, ${duplicates} duplicates of at most ${bound}, all settled ${seconds} s later`;
}

const RECOVERY = new Set<KillPoint>(['producer.afterEpoch', 'producer.inRecovery', 'producer.afterRequeue']);
/** From the simulator's answer to the worker's reading it. */
const BUSY_MS = 100;

/** A broadcast to groups, one to single device tokens, and three single pushes; a tenth of them 410. */
async function insertWork({ database, simulator }: Fleet, number: number): Promise<number[]> {
  simulator.reset();
  simulator.script(
    'device 0* answer 410 Unregistered timestamp -60s\ndevice 1* answer 503 ServiceUnavailable times 1',
  );
  const first = number * 1_000 + 1;
  const tokens = range(first, first + RECIPIENTS - 1);
  await insertTokens(
    database,
    tokens.map((id) => ({ id, deviceToken: deviceToken(id) })),
  );
  const groupIds = range(number * 100 + 1, number * 100 + GROUPS);
  for (const [i, group] of groupIds.entries())
    await insertGroup(database, group, tokens.slice(i * GROUP_SIZE, (i + 1) * GROUP_SIZE));
  const ids = range(number * 10 + 1, number * 10 + 5);
  await insertNotifications(database, [
    { id: ids[0]!, groupIds },
    { id: ids[1]!, tokenIds: tokens.slice(AUDIENCE, AUDIENCE + DIRECT) },
    ...tokens.slice(-3).map((tokenId, i) => ({ id: ids[2 + i]!, tokenIds: [tokenId] })),
  ]);
  return ids;
}

function start({ environment }: Fleet, name: 'producer' | 'worker', more: Record<string, string> = {}) {
  const started = startProcess([name], { ...environment, ...more });
  processes.push(started);
  return started;
}

/** At rest Redis has nothing to lose: a producer that finds it emptied then has nothing to recover. */
async function emptyRedis({ environment, database, redisPrefix }: Fleet): Promise<void> {
  const redis = new Redis(environment.PUSHFLEET_REDIS_URL!);
  try {
    const copy = controlKey(redisPrefix, 'default');
    await untilTrue(
      async () => {
        const [row] = await database.query<{ queued: number }>(
          "SELECT COUNT(*) AS queued FROM pushfleet_batch WHERE state = 'queued'",
        );
        return { queued: Number(row!.queued), copies: await redis.exists(copy) };
      },
      ({ queued, copies }) => queued > 0 && copies === 1,
      60_000,
    );
    await redis.del(...(await redis.keys(`*${redisPrefix}*`)));
  } finally {
    redis.disconnect();
  }
}

function later(ms: number): Promise<string> {
  return new Promise((resolve) => setTimeout(resolve, ms, `still alive after ${ms} ms`).unref());
}
