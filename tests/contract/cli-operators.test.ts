import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { registerApp } from '@pushfleet/shared/store/apps';
import { insertTokens } from '../harness/backend-rows.ts';
import { answerCommands, type CommandLine, openCommandLine } from '../harness/command-line.ts';
import { deviceTokenOf, planNotification } from '../harness/planned-notification.ts';

let cli: CommandLine;

beforeAll(async () => {
  cli = await openCommandLine();
}, 180_000);
afterAll(() => cli?.close());
beforeEach(() => cli.clear());

test('pause, rate and resume change the only app; with several one has to be named', async () => {
  await registerApp(cli.store, 'shop', 'com.example.shop', 'sandbox');
  const producer = answerCommands(cli.store);
  try {
    expect(await cli.run(['pause'])).toMatchObject({ exitCode: 0, stdout: 'shop is paused\n' });
    expect(await cli.run(['rate', '500'])).toMatchObject({
      exitCode: 0,
      stdout: 'shop sends at most 500 pushes per second\n',
    });
    expect((await cli.json(['status', '--json'])).apps[0]).toMatchObject({
      paused: true,
      pausedBy: expect.stringMatching(/^cli: /),
      ratePerSecond: 500,
    });
    expect(await cli.run(['rate'])).toMatchObject({
      stdout: 'shop: 500 pushes per second (set by an operator)\n',
    });
    expect(await cli.run(['resume', 'shop'])).toMatchObject({ exitCode: 0, stdout: 'shop sends again\n' });
    expect(await cli.run(['rate', 'shop', 'off'])).toMatchObject({ exitCode: 0 });
    expect((await cli.json(['status', '--json'])).apps[0]).toMatchObject({
      ratePerSecond: null,
      rateFrom: 'operator',
    });
    expect(await cli.run(['rate', 'default'])).toMatchObject({ exitCode: 0 });
    expect((await cli.json(['status', '--json'])).apps[0]).toMatchObject({
      paused: false,
      rateFrom: 'settings',
    });
    await registerApp(cli.store, 'news', 'com.example.news', 'sandbox');
    expect(await cli.run(['pause'])).toMatchObject({
      exitCode: 2,
      stderr: 'pushfleet: there are several apps, say which one: news, shop\n',
    });
    expect(await cli.run(['pause', 'nwes'])).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining('news, shop'),
    });
  } finally {
    await producer.stop();
  }
}, 180_000);

test('cancel takes ids from stdin; what has ended already is a failure', async () => {
  await planNotification(cli, 11);
  const producer = answerCommands(cli.store);
  try {
    const first = await cli.run(['cancel', '-'], { stdin: '11\n' });
    expect(first).toMatchObject({ exitCode: 0, stdout: 'notification 11 is being cancelled\n' });
    expect(await cli.json(['status', '11', '--json'])).toMatchObject({ state: 'cancelled' });
    const again = await cli.run(['cancel', '11']);
    expect(again).toMatchObject({
      exitCode: 1,
      stdout: '',
      stderr: expect.stringContaining('is cancelled already'),
    });
  } finally {
    await producer.stop();
  }
}, 180_000);

test('devices list shows what was switched off, restore switches it on again by id and by device token', async () => {
  await insertTokens(
    cli.database,
    [1, 2, 3].map((id) => ({ id, deviceToken: deviceTokenOf(id), active: false })),
  );
  await cli.database.query(
    `INSERT INTO pushfleet_retirement (dispatch_id, token_id, device_token, app, reason, state, created_at, applied_at)
     VALUES (1, '1', 'x', 'shop', 'Unregistered', 'applied', '2026-01-01', '2026-01-01'),
            (1, '2', 'x', 'shop', 'ExpiredToken', 'applied', '2026-01-01', '2026-01-02')`,
  );
  const { devices } = await cli.json(['devices', 'list', '--json']);
  expect(devices).toEqual([
    {
      tokenId: '2',
      app: 'shop',
      reason: 'ExpiredToken',
      apnsTimestamp: null,
      retiredAt: '2026-01-02T00:00:00.000Z',
    },
    {
      tokenId: '1',
      app: 'shop',
      reason: 'Unregistered',
      apnsTimestamp: null,
      retiredAt: '2026-01-01T00:00:00.000Z',
    },
  ]);
  const producer = answerCommands(cli.store);
  try {
    const restored = await cli.run(['devices', 'restore', '-'], { stdin: `1 ${deviceTokenOf(2)}` });
    expect(restored).toMatchObject({ exitCode: 0, stdout: '2 of 2 device tokens switched on again\n' });
    expect(await cli.database.query('SELECT id FROM token WHERE active = 1 ORDER BY id')).toEqual([
      { id: 1 },
      { id: 2 },
    ]);
    // Switched off by the backend itself: not ours to restore.
    expect((await cli.run(['devices', 'restore', '3'])).exitCode).toBe(1);
  } finally {
    await producer.stop();
  }
}, 180_000);

test('when no producer answers the command stays, and the message says what to do', async () => {
  await registerApp(cli.store, 'shop', 'com.example.shop', 'sandbox');
  const { exitCode, stdout, stderr } = await cli.run(['pause']);
  expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: '' });
  expect(stderr).toMatch(/no producer answered within 10 s\. The command is kept .* pushfleet producer/);
  expect(await cli.database.query('SELECT verb, executed_at FROM pushfleet_command')).toEqual([
    { verb: 'pause', executed_at: null },
  ]);
}, 180_000);
