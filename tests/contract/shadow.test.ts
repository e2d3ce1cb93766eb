import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { ensurePhp } from '@pushfleet/local-servers/ensure-php';
import { insertGroup, insertTokens, range, utcNow } from '../harness/backend-rows.ts';
import { type CommandLine, openCommandLine } from '../harness/command-line.ts';
import { deviceToken } from '../harness/fleet.ts';
import { deviceTokenOf } from '../harness/planned-notification.ts';
import { createTestDatabase, type TestDatabase } from '../harness/test-database.ts';

const OLD_LOOP = fileURLToPath(new URL('../../docs/examples/old-loop-audience.php', import.meta.url));
const SETTINGS = {
  PUSHFLEET_MAX_AGE: 'today',
  PUSHFLEET_APNS_TOPIC: 'com.example.app',
  PUSHFLEET_APNS_ENVIRONMENT: 'sandbox',
};

/** Null where there is none and none can be installed: then the comparison is skipped, and says so. */
const php = await ensurePhp(say).catch((error: Error) => {
  say(`SKIPPED, the comparison with the old loop: ${error.message}`);
  return null;
});

let cli: CommandLine;
/** The backend's tables and none of ours, and an account that may read them and nothing else. */
let backend: TestDatabase;
let reader: URL;

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

beforeAll(async () => {
  cli = await openCommandLine();
  backend = await createTestDatabase();
  reader = new URL(backend.url);
  reader.username = `${backend.name}_r`;
  // A server may have an anonymous account for localhost, which would come before '%'.
  for (const account of accounts()) {
    await backend.query(`CREATE USER ${account}`);
    await backend.query(`GRANT SELECT ON ${backend.name}.* TO ${account}`);
  }
}, 180_000);
afterAll(async () => {
  for (const account of accounts()) await backend?.query(`DROP USER IF EXISTS ${account}`);
  await backend?.drop();
  await cli?.close();
});
beforeEach(async () => {
  for (const table of ['notification', 'token', 'token_group']) await backend.query(`DELETE FROM ${table}`);
});

function accounts(): string[] {
  return ['%', 'localhost'].map((host) => `'${reader.username}'@'${host}'`);
}

async function insertRow(id: number, tokenIds: number[], groupIds: number[], due = utcNow(), sent = 0) {
  await backend.query('INSERT INTO notification (id, message, sent, notificationdate) VALUES (?, ?, ?, ?)', [
    id,
    `Grüße ${id}`,
    sent,
    due,
  ]);
  for (const tokenId of tokenIds)
    await backend.query('INSERT INTO notification_token VALUES (?, ?)', [id, tokenId]);
  for (const groupId of groupIds)
    await backend.query('INSERT INTO notification_token_group VALUES (?, ?)', [id, groupId]);
}

const shadow = (...args: string[]) =>
  cli.run(['shadow', ...args], { env: { PUSHFLEET_MYSQL_URL: reader.href, ...SETTINGS } });

async function oldLoop(...args: string[]): Promise<string> {
  const { hostname, port } = reader;
  const dsn = `mysql:host=${hostname};port=${port};dbname=${backend.name};charset=utf8mb4`;
  const { stdout } = await promisify(execFile)(php!, [OLD_LOOP, dsn, reader.username, '', ...args], {
    maxBuffer: 64_000_000,
  });
  return stdout;
}

const testWithPhp = php === null ? test.skip : test;

testWithPhp(
  'shadow and a PHP script with the query of the old loop find the same audiences, with SELECT rights and no tables of ours',
  async () => {
    await insertTokens(
      backend,
      range(1, 6_000).map((id) => ({ id, deviceToken: deviceToken(id), active: id % 7 !== 0 })),
    );
    await insertTokens(backend, [
      { id: 7_001, deviceToken: deviceToken(1).toUpperCase() },
      { id: 7_002, deviceToken: `<${deviceToken(2).replace(/.{8}(?=.)/g, '$& ')}>` },
      { id: 7_003, deviceToken: 'not a device token' },
      { id: 7_004, deviceToken: '' },
      { id: 7_005, deviceToken: deviceToken(7) },
    ]);
    await insertGroup(backend, 1, [...range(1, 4_000), 7_001, 7_002, 7_003]);
    await insertGroup(backend, 2, [...range(3_000, 6_000), 7_004, 7_005]);
    await insertRow(1, range(1, 20), [1, 2]);
    await insertRow(2, [1, 7_001, 14], []);
    await insertRow(3, [], [2]);
    await insertRow(4, [], []);
    await insertRow(5, [1], [], utcNow(3_600_000));
    await insertRow(6, [1], [], utcNow(-48 * 3_600_000));
    await insertRow(7, [1], [1], utcNow(), 1);

    const before = await backend.query('CHECKSUM TABLE notification, token, token_group, notification_token');
    const listed = await shadow('--device-tokens');
    expect([listed.exitCode, listed.stderr]).toEqual([
      0,
      expect.stringContaining('without pushfleet_request'),
    ]);
    const ours = listed.stdout.trim().split('\n').sort();
    const theirs = (await oldLoop('--device-tokens')).trim().split('\n').sort();
    expect(ours).toEqual(theirs);
    expect(ours.length).toBeGreaterThan(5_000);

    const digests = (await shadow()).stdout.split('\n').filter((line) => line.startsWith('notification '));
    expect(digests).toEqual((await oldLoop()).trim().split('\n'));
    expect(digests.map((line) => line.split(':')[0])).toEqual([1, 2, 3, 4].map((id) => `notification ${id}`));
    expect(
      await backend.query('CHECKSUM TABLE notification, token, token_group, notification_token'),
    ).toEqual(before);
  },
  60_000,
);

test('--json has audience, request and digest of each due row, and why a row would not be sent', async () => {
  await insertTokens(
    backend,
    [1, 2, 3].map((id) => ({ id, deviceToken: deviceTokenOf(id), active: id !== 3 })),
  );
  await insertRow(1, [1, 2, 3], []);
  await insertRow(2, [1], []);
  await insertRow(3, [2], [], utcNow(), 1);
  await backend.query("UPDATE notification SET message = ' ' WHERE id = 2");
  const { stdout, exitCode } = await shadow('--json', '--device-tokens', '--sent-too');
  expect(exitCode).toBe(0);
  const { notifications } = JSON.parse(stdout);
  expect(notifications).toMatchObject([
    {
      notificationId: '1',
      sent: false,
      app: 'default',
      error: null,
      request: {
        headers: { 'apns-topic': 'com.example.app', 'apns-push-type': 'alert' },
        payload: { aps: { alert: 'Grüße 1', badge: 1, sound: 'default' } },
      },
      audience: {
        direct: 3,
        groups: 0,
        inactive: 1,
        duplicates: 0,
        malformed: 0,
        otherApp: 0,
        recipients: 2,
      },
      deviceTokens: { count: 2, digest: expect.stringMatching(/^[0-9a-f]{64}$/) },
      deviceTokenList: [deviceTokenOf(1), deviceTokenOf(2)],
    },
    { notificationId: '2', error: 'the message is empty', request: null, audience: null },
    { notificationId: '3', sent: true, deviceTokens: { count: 1 }, deviceTokenList: [deviceTokenOf(2)] },
  ]);
  expect(await shadow('--since', 'today')).toMatchObject({ exitCode: 2, stdout: '' });
}, 180_000);

test('every transaction of shadow is read-only: the server refuses a change, whatever the account may do', async () => {
  const { openStore } = await import('@pushfleet/shared/store/open-store');
  const { mysqlUrl } = await import('@pushfleet/shared/platform/mysql-url');
  const settings = {
    PUSHFLEET_MYSQL_URL: mysqlUrl.parse(backend.url),
    PUSHFLEET_MYSQL_PASSWORD: undefined,
    PUSHFLEET_MYSQL_CA_FILE: undefined,
    PUSHFLEET_STATE_DATABASE: undefined,
    PUSHFLEET_SCHEMA_FILE: undefined,
  };
  const store = await openStore(settings, 2, { readOnly: true });
  try {
    await expect(store.database.change('DELETE FROM token')).rejects.toMatchObject({ errno: 1792 });
    await expect(store.database.transaction((on) => on.change('DELETE FROM token'))).rejects.toMatchObject({
      errno: 1792,
    });
  } finally {
    await store.close();
  }
}, 180_000);
