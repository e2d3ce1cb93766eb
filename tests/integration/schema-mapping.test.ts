import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { deviceToken, type Fleet, startFleet } from '../harness/fleet.ts';

let fleet: Fleet;

beforeAll(async () => {
  const mapping = join(mkdtempSync(join(tmpdir(), 'pushfleet-')), 'schema.json');
  writeFileSync(
    mapping,
    JSON.stringify({
      notification: {
        table: 'order-messages',
        id: 'uuid',
        message: 'text body',
        sent: 'state',
        due: 'send_at',
        unsentValue: 'new',
        sentValue: 'sent',
        title: 'headline',
        badge: 'badge',
        sound: 'sound',
        payload: 'extra',
        pushType: 'kind',
        priority: 'prio',
        expiry: 'expires',
        collapseId: 'collapse',
        threadId: 'thread',
        category: 'cat',
        lane: 'lane',
        sentAt: 'done_at',
      },
      token: {
        table: 'devices',
        id: 'uuid',
        token: 'hex',
        active: 'status',
        activeValue: 'on',
        inactiveValue: 'off',
        environment: 'env',
      },
      notificationToken: { table: 'message_devices', notification: 'message', token: 'device' },
      notificationGroup: { table: 'message_lists', notification: 'message', group: 'list' },
      groupToken: { table: 'list_devices', group: 'list', token: 'device' },
    }),
  );
  fleet = await startFleet({ environment: { PUSHFLEET_SCHEMA_FILE: mapping }, schema: 'other-schema.sql' });
  await fleet.startProducer();
  await fleet.startWorker();
});
afterAll(() => fleet?.stop(), 60_000);

test('F31: other names, UUID keys, other values and every optional column', async () => {
  const { database, simulator } = fleet;
  const device = (i: number) => Buffer.from(String(i).padStart(32, '0'), 'hex');
  await database.query('INSERT INTO devices (uuid, hex, status, env) VALUES ?', [
    [
      [device(1), deviceToken(1), 'on', 'sandbox'],
      [device(2), deviceToken(2), 'on', null],
      [device(3), deviceToken(3), 'off', 'sandbox'],
      [device(4), deviceToken(4), 'on', 'production'],
      [device(5), deviceToken(5), 'on', 'sandbox'],
    ],
  ]);
  const id = '018f3c9e-1111-7aaa-8bbb-0123456789ab';
  const expires = new Date(Date.now() + 7_200_000).toISOString().slice(0, 19).replace('T', ' ');
  await database.query('START TRANSACTION');
  await database.query(
    'INSERT INTO `order-messages` (uuid, `text body`, state, send_at, headline, badge, sound, extra, kind, prio, expires, collapse, thread, cat, lane) ' +
      "VALUES (?, 'Body', 'new', UTC_TIMESTAMP(), 'Head', 7, 'ping.aiff', '{\"order\":12}', 'alert', 5, ?, 'order-12', 'orders', 'ORDER', 'bulk')",
    [id, expires],
  );
  await database.query('INSERT INTO message_devices VALUES ?', [[[id, device(5)]]]);
  await database.query("INSERT INTO message_lists VALUES (?, 'list a')", [id]);
  await database.query('INSERT INTO list_devices VALUES ?', [[1, 2, 3, 4].map((i) => ['list a', device(i)])]);
  await database.query('COMMIT');
  await fleet.ended([id]);

  const accepted = simulator.accepted();
  expect(accepted.map((push) => push.deviceToken).sort()).toEqual(
    [deviceToken(1), deviceToken(2), deviceToken(5)].sort(),
  );
  expect(JSON.parse(accepted[0]!.payload)).toEqual({
    aps: {
      alert: { title: 'Head', body: 'Body' },
      badge: 7,
      sound: 'ping.aiff',
      'thread-id': 'orders',
      category: 'ORDER',
    },
    order: 12,
  });
  expect(accepted[0]).toMatchObject({
    pushType: 'alert',
    priority: '5',
    collapseId: 'order-12',
    expiration: String(Date.parse(`${expires.replace(' ', 'T')}Z`) / 1000),
  });
  const [row] = await database.query('SELECT state, done_at IS NOT NULL AS done FROM `order-messages`');
  expect(row).toEqual({ state: 'sent', done: 1 });
  const [dispatch] = await database.query(
    'SELECT lane, recipients, inactive, other_app FROM pushfleet_dispatch',
  );
  expect(dispatch).toEqual({ lane: 'bulk', recipients: 3, inactive: 1, other_app: 1 });
  expect(await fleet.status(id)).toMatchObject({ notificationId: id, state: 'done', accepted: 3 });
}, 180_000);

test.each([
  [{ notification: { table: 'notifications' } }, /table notifications does not exist/],
  [{ token: { table: 'devices', active: 'enabled' } }, /table devices has no column enabled/],
  [{ notification: { tabel: 'x' } }, /PUSHFLEET_SCHEMA_FILE/],
  [{ notification: { table: 'a`; DROP TABLE token; --' } }, /PUSHFLEET_SCHEMA_FILE.*no name of a table/],
])('a mapping that does not fit stops the start with exit code 2: %j', async (mapping, message) => {
  const path = join(mkdtempSync(join(tmpdir(), 'pushfleet-')), 'schema.json');
  writeFileSync(path, JSON.stringify(mapping));
  const { exitCode, stderr } = await fleet.run(['producer'], { PUSHFLEET_SCHEMA_FILE: path });
  expect(exitCode).toBe(2);
  expect(stderr).toMatch(message);
});
