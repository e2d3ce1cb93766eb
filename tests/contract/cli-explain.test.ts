import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { apnsId } from '@pushfleet/shared/domain/apns-id';
import { registerApp } from '@pushfleet/shared/store/apps';
import { insertNotifications, insertTokens } from '../harness/backend-rows.ts';
import { type CommandLine, openCommandLine } from '../harness/command-line.ts';
import { deviceTokenOf, planNotification, REQUEST, tellOutcomes } from '../harness/planned-notification.ts';

let cli: CommandLine;

beforeAll(async () => {
  cli = await openCommandLine();
}, 180_000);
afterAll(() => cli?.close());
beforeEach(() => cli.clear());

test('explain shows audience, exact request and outcomes', async () => {
  const dispatchId = await planNotification(cli, 11);
  await tellOutcomes(cli, dispatchId);
  await cli.database.query('UPDATE pushfleet_dispatch SET token_groups = 2');
  const [fleet] = await cli.database.query<{ fleet: string }>('SELECT fleet FROM pushfleet_fleet');
  expect(await cli.json(['explain', '11', '--json'])).toEqual({
    notificationId: '11',
    state: 'sending',
    error: null,
    audience: { direct: 8, groups: 2, inactive: 2, duplicates: 1, malformed: 0, otherApp: 0, recipients: 5 },
    request: {
      headers: {
        'apns-topic': 'com.example.shop',
        'apns-push-type': 'alert',
        'apns-priority': '10',
        'apns-expiration': String(Date.UTC(2030, 0, 1) / 1000),
        'apns-collapse-id': `pf-${fleet!.fleet}-${dispatchId}`,
      },
      payload: { aps: { alert: 'Grüße', badge: 1, sound: 'default' } },
      payloadBytes: Buffer.byteLength(REQUEST.payload),
    },
    outcomes: { accepted: 2, rejected: 1, retired: 1, expired: 0, cancelled: 0, failed: 0, pending: 1 },
  });
}, 180_000);

test('explain --device-token tells what happened to each, in any spelling', async () => {
  const dispatchId = await planNotification(cli, 11);
  await tellOutcomes(cli, dispatchId);
  await insertTokens(cli.database, [{ id: 9, deviceToken: deviceTokenOf(9), active: false }]);
  const tell = async (text: string) =>
    (await cli.json(['explain', '11', '--device-token', text, '--json'])).deviceToken;
  const id = (token: number) => apnsId(dispatchId, String(token));
  expect(await tell(deviceTokenOf(1))).toEqual({
    outcome: 'accepted',
    status: 200,
    reason: null,
    attempts: null,
    at: '2026-01-01T00:00:00.100Z',
    apnsId: id(1),
    note: null,
  });
  expect(await tell(`<${deviceTokenOf(3).toUpperCase()}>`)).toMatchObject({
    outcome: 'rejected',
    status: 400,
    reason: 'BadDeviceToken',
    attempts: 1,
    at: '2026-01-01T00:00:00.000Z',
    apnsId: id(3),
  });
  expect(await tell(deviceTokenOf(4))).toMatchObject({
    outcome: 'retired',
    status: 410,
    reason: 'Unregistered',
  });
  expect(await tell(deviceTokenOf(5))).toMatchObject({
    outcome: 'waiting',
    attempts: 1,
    reason: 'TooManyRequests',
  });
  expect(await tell(deviceTokenOf(9))).toMatchObject({
    outcome: null,
    note: expect.stringContaining('inactive'),
  });
  expect(await tell(deviceTokenOf(77))).toMatchObject({
    outcome: null,
    note: expect.stringContaining('no row'),
  });
}, 180_000);

test('explain of a row that is not claimed shows what would be sent', async () => {
  await registerApp(cli.store, 'shop', 'com.example.shop', 'sandbox');
  await insertTokens(cli.database, [{ id: 1, deviceToken: deviceTokenOf(1) }]);
  await insertNotifications(cli.database, [
    { id: 1, message: 'soon', due: '2030-01-01 00:00:00', tokenIds: [1], options: { title: 'T' } },
    { id: 2, message: '', due: '2030-01-01 00:00:00' },
  ]);
  expect(await cli.json(['explain', '1', '--json'])).toMatchObject({
    state: 'scheduled',
    audience: { direct: 1, groups: 0, recipients: null },
    request: {
      headers: { 'apns-topic': 'com.example.shop', 'apns-expiration': String(Date.UTC(2030, 0, 2) / 1000) },
      payload: { aps: { alert: { title: 'T', body: 'soon' }, badge: 1, sound: 'default' } },
    },
  });
  expect(await cli.json(['explain', '2', '--json'])).toMatchObject({
    request: null,
    error: 'the message is empty',
  });
}, 180_000);
