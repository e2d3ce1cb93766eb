import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { sendPush } from '@pushfleet/app-producer/send-push';
import { requestCommand } from '@pushfleet/shared/store/commands';
import { removeDispatchPart } from '@pushfleet/shared/store/retention';
import { Redis } from 'ioredis';
import { insertTokens } from '../harness/backend-rows.ts';
import { deviceToken, type Fleet, startFleet } from '../harness/fleet.ts';
import { openProducerContext } from '../harness/producer-context.ts';
import { untilTrue } from '../harness/wait.ts';

const BACKEND = ['notification', 'notification_token', 'notification_token_group', 'token', 'token_group'];

let fleet: Fleet;

beforeAll(async () => {
  fleet = await startFleet();
  await fleet.startProducer();
  await fleet.startWorker();
}, 180_000);
afterAll(() => fleet?.stop(), 60_000);
beforeEach(() => fleet.run(['resume']));

/** What the backend's tables hold. */
async function backendRows(): Promise<unknown> {
  return Promise.all(BACKEND.map((table) => fleet.database.query(`SELECT * FROM ${table}`)));
}

async function send(number: number, ...more: string[]) {
  return fleet.run(['send', '--device-token', deviceToken(number), '--alert', `hello ${number}`, ...more]);
}

test('send pushes to one device through the fleet, says what APNs answered, and touches no table of the backend', async () => {
  const before = await backendRows();
  const { exitCode, stdout, stderr } = await send(1, '--title', 'Test', '--json');
  expect([exitCode, stderr]).toEqual([0, '']);
  const sent = JSON.parse(stdout);
  expect(sent).toMatchObject({
    notificationId: expect.stringMatching(/^push-\d+$/),
    app: 'default',
    outcome: 'accepted',
    status: 200,
    apnsId: expect.any(String),
  });
  const [push] = fleet.simulator.accepted().filter((one) => one.deviceToken === deviceToken(1));
  expect(push).toMatchObject({ apnsId: sent.apnsId });
  expect(JSON.stringify(push)).toContain('hello 1');
  expect(await backendRows()).toEqual(before);

  await untilTrue(
    () => fleet.status(sent.notificationId),
    ({ state }) => state === 'done',
  );
  expect(await fleet.status(sent.notificationId)).toMatchObject({ recipients: 1, accepted: 1, pending: 0 });
  // No row of the backend's was marked sent.
  const dispatches = await fleet.database.query('SELECT sent_set_at AS at FROM pushfleet_dispatch');
  expect(dispatches).toEqual([{ at: null }]);
  const { notifications } = JSON.parse((await fleet.run(['status', '--json'])).stdout);
  expect(notifications[0].notificationId).toBe(sent.notificationId);
  const device = JSON.parse((await fleet.run(['device', deviceToken(1), '--json'])).stdout);
  expect(device).toMatchObject({
    active: false,
    rows: [],
    notifications: [{ notificationId: sent.notificationId, outcome: 'accepted', apnsId: sent.apnsId }],
  });
  const explained = await fleet.run([
    'explain',
    sent.notificationId,
    '--device-token',
    deviceToken(1),
    '--json',
  ]);
  expect(JSON.parse(explained.stdout)).toMatchObject({
    request: { payload: { aps: { alert: { title: 'Test', body: 'hello 1' } } } },
    deviceToken: { outcome: 'accepted' },
  });
  const again = await fleet.run(['replay', sent.notificationId, '--yes']);
  expect(again).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('pushfleet send') });
  // Done: the wish holds the device token no more.
  const wishes = await fleet.database.query("SELECT arguments FROM pushfleet_command WHERE verb = 'send'");
  expect(JSON.stringify(wishes)).not.toContain(deviceToken(1));
}, 180_000);

test('a device token that APNs calls dead ends with 1 and is not switched off in the table of the backend', async () => {
  await insertTokens(fleet.database, [{ id: 2, deviceToken: deviceToken(2) }]);
  fleet.simulator.script(`device ${deviceToken(2).slice(0, 16)}* answer 410 Unregistered timestamp -60s`);
  const refused = await send(2);
  expect(refused).toMatchObject({
    exitCode: 1,
    stdout: expect.stringMatching(/retired: Unregistered \(410\)/),
  });
  const name = /push-\d+/.exec(refused.stdout)![0];
  await untilTrue(
    () => fleet.status(name),
    ({ state }) => state === 'done',
  );
  expect(await fleet.database.query('SELECT * FROM pushfleet_retirement')).toEqual([]);
  expect(await fleet.database.query('SELECT active FROM token WHERE id = 2')).toEqual([{ active: 1 }]);
}, 180_000);

test('what waits has 1 and says why; it survives a Redis that lost everything and is sent once', async () => {
  await fleet.pause();
  const waiting = await send(3, '--wait', '200ms');
  expect(waiting.exitCode).toBe(1);
  expect(waiting.stderr).toMatch(
    /push-\d+ has no outcome after 0\.2 s: default is paused by .* pushfleet cancel push-\d+/,
  );
  const name = /push-\d+/.exec(waiting.stderr)![0];
  await untilTrue(
    () => fleet.database.query('SELECT state FROM pushfleet_batch WHERE dispatch_id = ?', [name.slice(5)]),
    ([batch]) => batch?.state === 'queued',
  );
  await forgetEverything();
  await fleet.run(['resume']);
  await untilTrue(
    () => fleet.status(name),
    ({ state }) => state === 'done',
    60_000,
  );
  expect(await fleet.status(name)).toMatchObject({ accepted: 1 });
  expect(fleet.simulator.accepted().filter((one) => one.deviceToken === deviceToken(3))).toHaveLength(1);
}, 180_000);

test('a wish that is carried out twice, because its first producer died on the way, makes one push', async () => {
  const context = await openProducerContext(fleet);
  try {
    const command = {
      verb: 'send',
      app: 'default',
      deviceToken: deviceToken(8),
      alert: 'once',
      options: {},
    } as const;
    const commandId = await requestCommand(context.store, command, 'test');
    await fleet.database.query('UPDATE pushfleet_command SET executed_at = UTC_TIMESTAMP(3) WHERE id = ?', [
      commandId,
    ]);
    const made = await Promise.all([1, 2, 3].map(() => sendPush(context, commandId, command)));
    expect(new Set(made.map(({ result }) => result)).size).toBe(1);
    await untilTrue(
      () => fleet.status(made[0]!.result),
      ({ state }) => state === 'done',
    );
    expect(fleet.simulator.accepted().filter((one) => one.deviceToken === deviceToken(8))).toHaveLength(1);
  } finally {
    await context.close();
  }
}, 180_000);

test('cancel stops one that waits', async () => {
  await fleet.pause();
  const name = /push-\d+/.exec((await send(4, '--wait', '200ms')).stderr)![0];
  expect(await fleet.run(['cancel', name])).toMatchObject({ exitCode: 0 });
  await untilTrue(
    () => fleet.status(name),
    ({ state, pending }) => state === 'cancelled' && pending === 0,
  );
  expect(await fleet.run(['cancel', name])).toMatchObject({
    exitCode: 1,
    stderr: expect.stringContaining('already'),
  });
}, 180_000);

test.each<[string, string[], number, RegExp]>([
  ['a malformed device token', ['--device-token', 'abc', '--alert', 'x'], 2, /--device-token: /],
  ['nothing to send', ['--device-token', deviceToken(5)], 2, /--alert TEXT/],
  ['no device token', ['--alert', 'x'], 2, /say to which device: --device-token/],
  [
    'an unknown app',
    ['--device-token', deviceToken(5), '--alert', 'x', '--app', 'shop'],
    1,
    /there is: default/,
  ],
  [
    'an unknown push type',
    ['--device-token', deviceToken(5), '--alert', 'x', '--push-type', 'loud'],
    1,
    /known are/,
  ],
])('%s: says what to do', async (_, args, exitCode, message) => {
  const ran = await fleet.run(['send', ...args]);
  expect(ran).toMatchObject({ exitCode, stdout: '' });
  expect(ran.stderr).toMatch(message);
});

test('a wish of more than an hour ago is refused, and an old push is removed with all that belongs to it', async () => {
  const { exitCode, stdout } = await send(6);
  expect(exitCode).toBe(0);
  const dispatchId = Number(/push-(\d+)/.exec(stdout)![1]);
  await untilTrue(
    () => fleet.status(`push-${dispatchId}`),
    ({ state }) => state === 'done',
  );
  await fleet.database.query(
    `INSERT INTO pushfleet_command (verb, arguments, requested_by, requested_at)
     VALUES ('send', ?, 'test', UTC_TIMESTAMP(3) - INTERVAL 61 MINUTE)`,
    [JSON.stringify({ app: 'default', deviceToken: deviceToken(7), alert: 'late', options: {} })],
  );
  await untilTrue(
    () =>
      fleet.database.query("SELECT succeeded, result FROM pushfleet_command WHERE arguments LIKE '%late%'"),
    ([wish]) => wish?.succeeded === 0 && /its time is over/.test(String(wish.result)),
  );
  const context = await openProducerContext(fleet);
  try {
    const rules = { ageMs: 0, windowMs: 86_400_000 };
    const parts: string[] = [];
    while (parts.at(-1) !== 'gone' && parts.length < 5)
      parts.push(await removeDispatchPart(context.store, dispatchId, rules));
    expect(parts).toEqual(['part', 'gone']);
  } finally {
    await context.close();
  }
  expect((await fleet.run(['status', `push-${dispatchId}`])).exitCode).toBe(1);
}, 180_000);

async function forgetEverything(): Promise<void> {
  const redis = new Redis(process.env.PUSHFLEET_TEST_REDIS_URL!);
  const keys = await redis.keys(`*${fleet.redisPrefix}*`);
  if (keys.length > 0) await redis.del(...keys);
  redis.disconnect();
}
