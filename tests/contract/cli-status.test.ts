import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { registerApp } from '@pushfleet/shared/store/apps';
import { insertNotifications, utcNow } from '../harness/backend-rows.ts';
import { type CommandLine, openCommandLine } from '../harness/command-line.ts';
import { planNotification, tellOutcomes } from '../harness/planned-notification.ts';
import { untilTrue } from '../harness/wait.ts';

let cli: CommandLine;

beforeAll(async () => {
  cli = await openCommandLine();
}, 180_000);
afterAll(() => cli?.close());
beforeEach(() => cli.clear());

test('status ID --json is exactly the object of the contract', async () => {
  const dispatchId = await planNotification(cli, 11);
  await tellOutcomes(cli, dispatchId);
  const status = await cli.json(['status', '11', '--json']);
  expect(status).toEqual({
    notificationId: '11',
    app: 'shop',
    state: 'sending',
    recipients: 5,
    accepted: 2,
    rejected: 1,
    retired: 1,
    expired: 0,
    cancelled: 0,
    failed: 0,
    pending: 1,
    resentWithoutAnswer: 2,
    dueAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]{12}Z$/),
    firstAcceptedAt: '2026-01-01T00:00:00.000Z',
    finishedAt: null,
    reasons: { BadDeviceToken: 1, Unregistered: 1 },
    error: null,
  });
}, 180_000);

test('a row that nobody has claimed is scheduled, expired when it is older than the maximum age, done when somebody else sent it', async () => {
  await insertNotifications(cli.database, [
    { id: 1, due: '2030-06-01 12:00:00' },
    { id: 2, due: utcNow(-25 * 3_600_000) },
    { id: 3 },
  ]);
  await cli.database.query('UPDATE notification SET sent = 1 WHERE id = 3');
  const env = {
    PUSHFLEET_MYSQL_URL: cli.database.url,
    PUSHFLEET_TIMEZONE: 'Europe/Berlin',
    PUSHFLEET_APP: 'shop',
  };
  const statusOf = async (id: number) =>
    JSON.parse((await cli.run(['status', `${id}`, '--json'], { env })).stdout);
  expect(await statusOf(1)).toMatchObject({
    state: 'scheduled',
    app: 'shop',
    dueAt: '2030-06-01T10:00:00.000Z',
    recipients: 0,
    pending: 0,
    error: null,
  });
  expect(await statusOf(2)).toMatchObject({
    state: 'expired',
    error: expect.stringContaining('older than PUSHFLEET_MAX_AGE, not sent'),
  });
  expect(await statusOf(3)).toMatchObject({ state: 'done', error: expect.stringContaining('somebody else') });
}, 180_000);

test('status --json lists apps and notifications, the last round of each', async () => {
  await registerApp(cli.store, 'shop', 'com.example.shop', 'sandbox');
  await cli.database.query(
    "UPDATE pushfleet_app SET paused_at = '2026-01-01', paused_by = 'ops', rate_per_second = 500",
  );
  const dispatchId = await planNotification(cli, 11);
  await cli.database.query("UPDATE pushfleet_dispatch SET state = 'done', finished_at = UTC_TIMESTAMP(3)");
  await cli.database.query(
    `INSERT INTO pushfleet_dispatch (notification_id, round, app, state, nonce, due_at, deadline, claimed_at)
     SELECT notification_id, 2, app, 'invalid', nonce, due_at, deadline, claimed_at FROM pushfleet_dispatch WHERE id = ?`,
    [dispatchId],
  );
  await cli.database.query("UPDATE pushfleet_dispatch SET error = 'the message is empty' WHERE round = 2");
  await insertNotifications(cli.database, [
    { id: 12, due: '2030-01-01 00:00:00' },
    { id: 13, due: utcNow(-48 * 3_600_000) },
  ]);
  const { apps, notifications, rowsTooOld } = await cli.json(['status', '--json']);
  expect(apps).toEqual([
    {
      app: 'shop',
      topic: 'com.example.shop',
      environment: 'sandbox',
      paused: true,
      pausedBy: 'ops',
      pausedAt: '2026-01-01T00:00:00.000Z',
      ratePerSecond: 500,
      rateFrom: 'operator',
      heldNotifications: 0,
      stopped: [],
    },
  ]);
  expect(
    notifications.map((n: { notificationId: string; state: string }) => [n.notificationId, n.state]),
  ).toEqual([
    ['12', 'scheduled'],
    ['11', 'invalid'],
  ]);
  expect(rowsTooOld).toBe(1);
  const { stdout } = await cli.run(['status']);
  expect(stdout).toContain('paused by ops');
  expect(stdout).toContain('notification 11: the message is empty');
  expect(stdout).not.toContain('\x1b[');
  const env = { PUSHFLEET_MYSQL_URL: cli.database.url, PUSHFLEET_APP: 'shop' };
  expect((await cli.run(['status', '12'], { env })).stdout).toMatch(/app +shop, paused by ops/);
  expect((await cli.run(['status', '11'], { env })).stdout).not.toContain('paused');
}, 180_000);

test('status --watch prints a line per change and ends when the notification has ended', async () => {
  const dispatchId = await planNotification(cli, 11);
  let printed = '';
  const watching = cli.run(['status', '11', '--watch'], {
    onOutput: (stdout) => {
      printed = stdout;
    },
  });
  await untilTrue(
    () => printed,
    (text) => text.includes('5 pending'),
  );
  await tellOutcomes(cli, dispatchId);
  await untilTrue(
    () => printed,
    (text) => text.includes('1 pending'),
  );
  // Together, or the watch may look between the two.
  await cli.database.query(
    `UPDATE pushfleet_batch b JOIN pushfleet_dispatch d ON d.id = b.dispatch_id
        SET b.expired = 1, b.state = 'settled', d.state = 'expired', d.finished_at = UTC_TIMESTAMP(3)`,
  );
  const { exitCode, stdout } = await watching;
  expect(exitCode).toBe(0);
  expect(stdout.trim().split('\n')).toEqual([
    'notification 11 sending: 5 recipients, 0 accepted, 0 refused, 0 failed, 5 pending',
    'notification 11 sending: 5 recipients, 2 accepted, 2 refused, 0 failed, 1 pending',
    'notification 11 expired: 5 recipients, 2 accepted, 2 refused, 0 failed, 0 pending',
  ]);
}, 180_000);
