import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { insertNotifications, insertTokens, utcNow } from '../harness/backend-rows.ts';
import { deviceToken, type Fleet, startFleet } from '../harness/fleet.ts';
import type { FleetProcess } from '../harness/fleet-process.ts';

let fleet: Fleet;
let producer: FleetProcess;

beforeAll(async () => {
  fleet = await startFleet();
  producer = await fleet.startProducer();
  await fleet.startWorker();
});
afterAll(() => fleet?.stop(), 60_000);

test('rows that cannot be sent end as invalid with a reason, and the others go out undisturbed', async () => {
  const { database, simulator } = fleet;
  await insertTokens(database, [{ id: 1, deviceToken: deviceToken(1) }]);
  const [{ packet }] = (await database.query('SELECT @@max_allowed_packet AS packet')) as [
    { packet: number },
  ];
  const huge = Math.min(50_000_000, packet - 1_000_000);
  const bad: [id: number, message: string, options: unknown, reason: string][] = [
    [1, '', undefined, 'the message is empty'],
    [2, ' \n ', undefined, 'the message is empty'],
    [3, 'x'.repeat(4097), undefined, '4097 bytes'],
    [4, 'ü'.repeat(2040), undefined, 'APNs takes 4096'],
    [5, 'x'.repeat(huge), undefined, `${huge} bytes`],
    [6, 'ok', '{"broken":', 'no valid JSON'],
    [7, 'ok', { pushType: 'popup' }, '"popup" is unknown'],
    [8, 'ok', { payload: 'text' }, '"payload"'],
    [9, 'ok', { pushType: 'background', priority: 10 }, 'priority 10'],
    [10, 'ok', { collapseId: 'c'.repeat(65) }, '65 bytes'],
    [11, 'ok', { app: "x'; DROP TABLE token; --" }, 'is not configured'],
  ];
  await insertNotifications(
    database,
    bad.flatMap(([id, message, options]) => [
      { id, message, options, tokenIds: [1] },
      { id: id + 100, message: `good ${id}`, tokenIds: [1] },
    ]),
  );
  await fleet.ended(bad.flatMap(([id]) => [id, id + 100]));

  expect(
    simulator
      .accepted()
      .map(({ payload }) => JSON.parse(payload).aps.alert)
      .sort(),
  ).toEqual(bad.map(([id]) => `good ${id}`).sort());
  for (const [id, , , reason] of bad) {
    expect(await fleet.status(id)).toMatchObject({
      state: 'invalid',
      error: expect.stringContaining(reason),
      accepted: 0,
    });
  }
  expect(producer.output()).toContain('"notification.invalid"');
  const unsent = await database.query('SELECT id FROM notification WHERE sent = 0 ORDER BY id');
  expect(unsent.map(({ id }) => id)).toEqual(bad.map(([id]) => id));
}, 180_000);

test('F15: an invalid row is sent once it is mended', async () => {
  const { database, simulator } = fleet;
  await database.query("UPDATE notification SET message = 'mended' WHERE id = 1");
  await waitFor(() => simulator.accepted().some(({ payload }) => payload.includes('mended')), 30_000);
  expect(await fleet.status(1)).toMatchObject({ recipients: 1, error: null });
}, 180_000);

test('device tokens in old spellings are sent to, what is none is rejected with a reason', async () => {
  const { database, simulator } = fleet;
  simulator.reset();
  const good = [deviceToken(500), deviceToken(501), deviceToken(502)];
  const stored: (string | null)[] = [
    good[0]!,
    `<${good[1]!.match(/.{8}/g)!.join(' ')}>`,
    good[2]!.toUpperCase(),
    'abcd',
    `${deviceToken(503)}a`,
    "'; DELETE FROM token; --",
    '',
    ' ',
    'ü'.repeat(64),
  ];
  await database.query('ALTER TABLE token MODIFY token VARCHAR(255) NULL');
  stored.push(null);
  await insertTokens(
    database,
    stored.map((one, i) => ({ id: 500 + i, deviceToken: one })),
  );
  await insertNotifications(database, [{ id: 500, tokenIds: stored.map((_, i) => 500 + i) }]);
  await fleet.ended([500]);
  expect(
    simulator
      .accepted()
      .map((push) => push.deviceToken)
      .sort(),
  ).toEqual(good.sort());
  expect(await fleet.status(500)).toMatchObject({
    state: 'done',
    recipients: stored.length,
    accepted: 3,
    rejected: stored.length - 3,
    reasons: { MalformedDeviceToken: stored.length - 3 },
  });
}, 180_000);

test('rows older than the maximum age are counted and not sent', async () => {
  const { database } = fleet;
  await insertNotifications(database, [
    { id: 600, message: 'old', due: utcNow(-25 * 3_600_000), tokenIds: [1] },
  ]);
  const late = await fleet.startProducer();
  await late.printed('"notification.tooOld"');
  expect(await fleet.status(600)).toMatchObject({
    state: 'expired',
    error: expect.stringContaining('PUSHFLEET_MAX_AGE'),
  });
  expect(await database.query('SELECT id FROM pushfleet_dispatch WHERE notification_id = 600')).toEqual([]);
}, 180_000);

test('nothing that was printed shows a device token', () => {
  expect(producer.output()).not.toMatch(/[0-9a-fA-F]{64}/);
});

async function waitFor(condition: () => boolean, timeoutMs: number): Promise<void> {
  const until = Date.now() + timeoutMs;
  while (!condition()) {
    if (Date.now() > until) throw new Error('it did not happen in time');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
