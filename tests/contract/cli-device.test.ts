import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { sortableId } from '@pushfleet/shared/domain/recipient-list';
import { candidateQuery } from '@pushfleet/shared/store/device-history';
import mysql from 'mysql2/promise';
import { insertTokens } from '../harness/backend-rows.ts';
import { type CommandLine, openCommandLine } from '../harness/command-line.ts';
import { insertFinishedBatches } from '../harness/finished-batches.ts';
import { deviceTokenOf, planNotification, tellOutcomes } from '../harness/planned-notification.ts';

let cli: CommandLine;

beforeAll(async () => {
  cli = await openCommandLine();
}, 180_000);
afterAll(() => cli?.close());
beforeEach(() => cli.clear());

test('device shows what became of it in each notification, newest first, and the state of the device token', async () => {
  const dispatchId = await planNotification(cli, 11);
  await tellOutcomes(cli, dispatchId);
  await cli.database.query(
    `INSERT INTO pushfleet_retirement (dispatch_id, token_id, device_token, app, reason, state, created_at, applied_at)
     VALUES (?, '4', 'x', 'shop', 'Unregistered', 'applied', '2026-01-01', '2026-01-02')`,
    [dispatchId],
  );
  await cli.database.query('UPDATE token SET active = 0 WHERE id = 4');
  await insertTokens(cli.database, [{ id: 9, deviceToken: deviceTokenOf(4).toUpperCase() }]);

  const device = await cli.json(['device', deviceTokenOf(4), '--json']);
  expect(device).toEqual({
    active: true,
    rows: [
      {
        tokenId: '4',
        active: false,
        plain: true,
        retirement: {
          state: 'applied',
          reason: 'Unregistered',
          note: null,
          apnsTimestamp: null,
          retiredAt: '2026-01-02T00:00:00.000Z',
          restoredAt: null,
        },
      },
      { tokenId: '9', active: true, plain: false, retirement: null },
    ],
    notifications: [
      {
        notificationId: '11',
        round: 1,
        app: 'shop',
        state: 'sending',
        outcome: 'retired',
        status: 410,
        reason: 'Unregistered',
        attempts: 1,
        at: '2026-01-01T00:00:00.000Z',
        apnsId: expect.stringMatching(/^[0-9a-f-]{36}$/),
        note: expect.stringContaining('2025-12-31T23:59:59.000Z'),
        dueAt: expect.any(String),
        claimedAt: expect.any(String),
        finishedAt: null,
      },
    ],
  });
  const accepted = await cli.json(['device', '1', '--json']);
  expect(accepted.notifications).toMatchObject([{ outcome: 'accepted', status: 200, attempts: null }]);
  // By the id of a row: its device token in all its rows.
  expect((await cli.json(['device', '9', '--json'])).rows).toEqual(device.rows);
  const waiting = await cli.json(['device', deviceTokenOf(5), '--json']);
  expect(waiting.notifications).toMatchObject([
    { outcome: 'waiting', reason: 'TooManyRequests', attempts: 1 },
  ]);
  const { stdout } = await cli.run(['device', '-'], { stdin: `${deviceTokenOf(4)}\n` });
  expect(stdout).toContain(
    'row 4: inactive, switched off by Pushfleet at 2026-01-02T00:00:00.000Z (Unregistered)',
  );
  expect(stdout).toContain('row 9: active, not written in lower-case hex');
  expect(stdout).not.toContain('\x1b[');
}, 180_000);

test('only what was claimed since then is shown; who is unknown is a failure that says what to look at', async () => {
  const dispatchId = await planNotification(cli, 11);
  await cli.database.query(
    'UPDATE pushfleet_dispatch SET claimed_at = UTC_TIMESTAMP(3) - INTERVAL 30 HOUR WHERE id = ?',
    [dispatchId],
  );
  expect((await cli.json(['device', '1', '--json'])).notifications).toEqual([]);
  expect((await cli.json(['device', '1', '--since', '2d', '--json'])).notifications).toHaveLength(1);
  const unknown = await cli.run(['device', 'ab'.repeat(32)]);
  expect(unknown).toMatchObject({ exitCode: 1, stdout: '', stderr: expect.stringContaining('environment?') });
  expect(await cli.run(['device', '77'])).toMatchObject({
    exitCode: 1,
    stderr: expect.stringContaining('no row 77'),
  });
  expect(await cli.run(['device', 'abc'])).toMatchObject({ exitCode: 2, stdout: '' });
  expect(await cli.run(['device', '1', '--since', 'yesterday'])).toMatchObject({ exitCode: 2 });
}, 180_000);

test('with 10,000 finished batches the batches are found in the index by first and last id', async () => {
  await insertTokens(cli.database, [{ id: 25_250, deviceToken: deviceTokenOf(25_250) }]);
  await insertFinishedBatches(cli.database, { dispatches: 100, batchesEach: 100, size: 500, stride: 1 });
  const { sql, values } = candidateQuery(cli.store, sortableId('integer', '25250'), Date.now() - 86_400_000);
  const plan = await cli.database.query<{ table: string; type: string; key: string; Extra: string }>(
    `EXPLAIN ${mysql.format(sql, values as never)}`,
  );
  expect(plan.map(({ table, type, key }) => [table, type, key])).toEqual([
    ['b', 'range', 'by_range'],
    ['d', 'eq_ref', 'PRIMARY'],
  ]);
  expect(plan[0]!.Extra).toContain('Using index');
  const { notifications } = await cli.json(['device', deviceTokenOf(25_250), '--json']);
  expect(
    notifications.map(({ notificationId }: { notificationId: string }) => Number(notificationId)),
  ).toEqual(Array.from({ length: 100 }, (_, i) => 100 - i));
}, 180_000);
