import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, test } from '@jest/globals';
import { insertGroup, insertNotifications, insertTokens, range } from '../harness/backend-rows.ts';
import { deviceToken } from '../harness/fleet.ts';
import { type FleetOnOwnRedis, startFleetOnOwnRedis } from '../harness/flushed-broadcast.ts';
import { untilTrue } from '../harness/wait.ts';

const RECIPIENTS = 2_000;
const STREAMS = 20;
let own: FleetOnOwnRedis | undefined;

afterEach(async () => {
  await own?.stop();
  own = undefined;
}, 180_000);

async function copyOf({ redis, dir }: FleetOnOwnRedis): Promise<void> {
  await redis.bgrewriteaof();
  await untilTrue(
    () => redis.info('persistence'),
    (info) => info.includes('aof_rewrite_in_progress:0') && info.includes('aof_rewrite_scheduled:0'),
  );
  cpSync(join(dir, 'data'), join(dir, 'older'), { recursive: true });
}

async function setBack(redisOf: FleetOnOwnRedis): Promise<void> {
  await redisOf.kill();
  rmSync(join(redisOf.dir, 'data'), { recursive: true });
  cpSync(join(redisOf.dir, 'older'), join(redisOf.dir, 'data'), { recursive: true });
  await redisOf.start();
}

test('F19: Redis comes back with older data: jobs of finished batches do not rise, and nobody is asked again', async () => {
  own = await startFleetOnOwnRedis({
    simulator: { latencyMs: 10, streamLimit: STREAMS },
    environment: { PUSHFLEET_BATCH_SIZE: '100', PUSHFLEET_RATE_PER_SECOND: '500' },
  });
  const { fleet, redis } = own;
  await insertTokens(
    fleet.database,
    range(1, RECIPIENTS).map((id) => ({ id, deviceToken: deviceToken(id) })),
  );
  await insertGroup(fleet.database, 1, range(1, RECIPIENTS));
  const producer = await fleet.startProducer();
  const worker = await fleet.startWorker();
  await insertNotifications(fleet.database, [{ id: 1, groupIds: [1] }]);
  await untilTrue(
    () => fleet.simulator.acceptedCount(),
    (accepted) => accepted > 300,
  );
  // All that is still to be sent is in Redis now, and in this copy of it.
  await copyOf(own);
  await fleet.ended([1]);
  await sleep(1_000);
  expect(fleet.simulator.requestCount()).toBe(RECIPIENTS);

  await Promise.all([producer.stop(), worker.stop()]);
  await setBack(own);
  expect(await redis.keys('*:b-1-*')).not.toEqual([]);
  // The worker is there first: from a Redis that no producer has looked through it sends nothing.
  await fleet.startWorker();
  await sleep(2_000);
  expect(fleet.simulator.requestCount()).toBe(RECIPIENTS);
  const next = await fleet.startProducer();
  await next.printed('"redis.older"');
  await sleep(2_000);
  expect(fleet.simulator.requestCount()).toBe(RECIPIENTS);
  expect((await redis.keys('*:b-1-*')).filter((key) => /b-\d+-\d+-\d+$/.test(key))).toEqual([]);

  // And it goes on with what comes now.
  await insertNotifications(fleet.database, [{ id: 2, tokenIds: [1, 2] }]);
  await fleet.ended([2]);
  expect(await fleet.status(2)).toMatchObject({ state: 'done', accepted: 2 });
  expect(await fleet.status(1)).toMatchObject({
    state: 'done',
    accepted: RECIPIENTS,
    resentWithoutAnswer: 0,
  });
}, 180_000);

test.each([
  ['its worker goes on', false],
  ['its worker died with it, so that its jobs come back as they were long ago', true],
])(
  'F19: set back in the middle of a broadcast, and %s: nobody is lost, and nobody whose outcome is recorded is asked again',
  async (_, workerDies) => {
    const rate = 250;
    own = await startFleetOnOwnRedis({
      simulator: { latencyMs: 10, streamLimit: STREAMS },
      environment: { PUSHFLEET_BATCH_SIZE: '500', PUSHFLEET_RATE_PER_SECOND: String(rate) },
    });
    const { fleet } = own;
    await insertTokens(
      fleet.database,
      range(1, RECIPIENTS).map((id) => ({ id, deviceToken: deviceToken(id) })),
    );
    await insertGroup(fleet.database, 1, range(1, RECIPIENTS));
    await Promise.all([fleet.startProducer(), fleet.startProducer()]);
    const worker = await fleet.startWorker();
    await insertNotifications(fleet.database, [{ id: 1, groupIds: [1] }]);
    const accepted = (least: number) =>
      untilTrue(
        () => fleet.simulator.acceptedCount(),
        (now) => now > least,
      );
    await accepted(100);
    await copyOf(own);
    await accepted(1_200);
    if (workerDies) worker.kill('SIGKILL');
    await setBack(own);
    if (workerDies) await fleet.startWorker();
    await fleet.ended([1]);
    expect(await fleet.status(1)).toMatchObject({ state: 'done', accepted: RECIPIENTS, failed: 0 });
    expect(fleet.simulator.distinctAccepted()).toBe(RECIPIENTS);
    // What was accepted since the last recorded progress, and what was in flight.
    expect(fleet.simulator.acceptedCount() - RECIPIENTS).toBeLessThanOrEqual(rate + STREAMS);
  },
  120_000,
);
