import { expect, test } from '@jest/globals';
import { DEFAULT_MAPPING, schemaMappingSchema } from '@pushfleet/shared/domain/schema-mapping';
import type { Database } from '@pushfleet/shared/store/database';
import { producerRights } from '@pushfleet/shared/store/producer-rights';
import { answerFinding, clockFinding, unreachableFinding } from './apns-answer-findings.ts';
import { appFinding } from './app-finding.ts';
import { checkRedis, redisFinding } from './check-redis.ts';
import { expiryFinding, idFindings, unusableKey } from './credential-findings.ts';
import { mappingMend } from './mapping-mend.ts';
import { parseGrants, rightsFindings } from './mysql-rights.ts';
import { timeColumns } from './time-columns.ts';
import { zoneFinding } from './time-zone.ts';

const NOW = Date.parse('2026-01-15T12:00:00Z');
const DAY_MS = 86_400_000;
const KEY_ID = 'ABC123DEFG';
const TEAM_ID = 'DEF123GHIJ';

test.each([
  [{ keyId: KEY_ID, teamId: TEAM_ID, keyPath: undefined }, ['ok']],
  [{ keyId: KEY_ID, teamId: TEAM_ID, keyPath: `/run/secrets/AuthKey_${KEY_ID}.p8` }, ['ok']],
  [{ keyId: TEAM_ID, teamId: KEY_ID, keyPath: `/run/secrets/AuthKey_${KEY_ID}.p8` }, ['fault']],
  [{ keyId: 'ZZZ123DEFG', teamId: TEAM_ID, keyPath: `AuthKey_${KEY_ID}.p8` }, ['warning']],
  [{ keyId: 'abc123defg', teamId: TEAM_ID, keyPath: 'apns_key' }, ['fault']],
  [{ keyId: undefined, teamId: undefined, keyPath: undefined }, ['fault', 'fault']],
])('ids %j: %j', (ids, states) => {
  expect(idFindings(ids).map(({ state }) => state)).toEqual(states);
});

test('a swap is mended by both settings at once, a wrong id by that in the name of the file', () => {
  const keyPath = `AuthKey_${KEY_ID}.p8`;
  expect(idFindings({ keyId: TEAM_ID, teamId: KEY_ID, keyPath })[0]!.mend).toBe(
    `PUSHFLEET_APNS_KEY_ID=${KEY_ID}\nPUSHFLEET_APNS_TEAM_ID=${TEAM_ID}`,
  );
  expect(idFindings({ keyId: 'x', teamId: TEAM_ID, keyPath })[0]!.mend).toBe(
    `PUSHFLEET_APNS_KEY_ID=${KEY_ID}`,
  );
});

test('a key in the form of openssl is converted, anything else comes from Apple', () => {
  expect(unusableKey('…', '-----BEGIN EC PRIVATE KEY-----', 'my k.pem').mend).toBe(
    "openssl pkcs8 -topk8 -nocrypt -in 'my k.pem' -out 'my k.pem.pkcs8'\nPUSHFLEET_APNS_KEY_FILE=my k.pem.pkcs8",
  );
  expect(unusableKey('…', '-----BEGIN PUBLIC KEY-----', 'k.pem').note).toContain('as Apple hands it out');
});

test.each([
  [-1, 'fault'],
  [1, 'warning'],
  [29, 'warning'],
  [31, 'ok'],
])('a certificate that ends in %i days: %s', (days, state) => {
  expect(expiryFinding(NOW + days * DAY_MS, NOW).state).toBe(state);
});

test.each([
  [0, 'ok'],
  [-20, 'ok'],
  [45, 'warning'],
  [-45, 'warning'],
  [301, 'fault'],
  [-3_600, 'fault'],
])('a clock that is %i s ahead: %s', (seconds, state) => {
  expect(clockFinding(NOW, NOW + seconds * 1_000).state).toBe(state);
});

test.each([
  [400, 'BadDeviceToken', 'ok', null],
  [400, 'TopicDisallowed', 'fault', /^PUSHFLEET_APNS_TOPIC=/],
  [400, 'DeviceTokenNotForTopic', 'fault', /^PUSHFLEET_APNS_TOPIC=/],
  [403, 'BadEnvironmentKeyIdInToken', 'fault', /^PUSHFLEET_APNS_ENVIRONMENT=sandbox/],
  [403, 'BadCertificateEnvironment', 'fault', /^PUSHFLEET_APNS_ENVIRONMENT=sandbox/],
  [403, 'InvalidProviderToken', 'fault', /compare them/],
  [403, 'ExpiredProviderToken', 'fault', /^timedatectl/],
  [429, 'TooManyProviderTokenUpdates', 'warning', /in 20 minutes/],
  [503, 'ServiceUnavailable', 'warning', /later/],
  [200, '', 'warning', /PUSHFLEET_APNS_URL/],
])('APNs answers %i %s: %s', (status, reason, state, mend) => {
  const probed = { topic: 'com.example.shop', environment: 'production', kind: 'token' } as const;
  const finding = answerFinding({ status, reason, date: null }, probed);
  expect(finding.state).toBe(state);
  if (mend === null) expect([finding.mend, finding.note]).toEqual([null, null]);
  else expect(`${finding.mend ?? ''} ${finding.note ?? ''}`.trim()).toMatch(mend);
});

test('APNs out of reach: port 2197 and a proxy; with a proxy the proxy; a foreign certificate the CA', () => {
  const mendOf = (...of: Parameters<typeof unreachableFinding>) => unreachableFinding(...of).mend;
  const direct = unreachableFinding('ETIMEDOUT', 'api.push.apple.com', 443, false);
  expect(direct.mend).toBe('PUSHFLEET_APNS_URL=https://api.push.apple.com:2197');
  expect(direct.note).toContain('PUSHFLEET_APNS_PROXY=');
  expect(mendOf('ETIMEDOUT', '2001:db8::1', 443, false)).toBe(
    'PUSHFLEET_APNS_URL=https://[2001:db8::1]:2197',
  );
  expect(mendOf('refused', 'api.push.apple.com', 443, true)).toMatch(/^PUSHFLEET_APNS_PROXY=/);
  expect(mendOf('self-signed certificate', 'apns', 443, false)).toMatch(/^PUSHFLEET_APNS_CA_FILE=/);
});

const QUIET = { sentDues: [], newestDues: [], lateSeconds: [], zones: [] };

test.each([
  ['no rows', QUIET, 'ok', null],
  [
    'one sent row is due in an hour (cancelled by hand?)',
    { ...QUIET, sentDues: ['2026-01-15 13:00:00'] },
    'warning',
    'Europe/Berlin',
  ],
  [
    'all sent rows are',
    { ...QUIET, sentDues: Array(3).fill('2026-01-15 12:50:00') },
    'warning',
    'Europe/Berlin',
  ],
  [
    'the server names the zone',
    { ...QUIET, sentDues: Array(3).fill('2026-01-15 13:00:00'), zones: ['SYSTEM', 'CET', 'Africa/Lagos'] },
    'warning',
    'CET',
  ],
  ['sent rows that were due', { ...QUIET, sentDues: Array(3).fill('2026-01-15 11:59:00') }, 'ok', null],
  [
    'new rows for all hours of the day',
    { ...QUIET, newestDues: ['2026-01-15 14:00:00', '2026-01-15 16:30:00', '2026-01-15 12:10:00'] },
    'ok',
    null,
  ],
  [
    'new rows all in two hours',
    { ...QUIET, newestDues: Array(3).fill('2026-01-15 13:59:00') },
    'warning',
    'Europe/Athens',
  ],
  [
    'rows found five hours late',
    { ...QUIET, lateSeconds: [18_000, 18_001, 18_100] },
    'warning',
    'America/New_York',
  ],
  ['rows found late once', { ...QUIET, lateSeconds: [18_000, 1, 2] }, 'ok', null],
])('zone UTC, %s: %s', (_, evidence, state, zone) => {
  const finding = zoneFinding(evidence, 'UTC', NOW);
  expect(finding.state).toBe(state);
  if (zone !== null) expect(finding.mend).toMatch(new RegExp(`^PUSHFLEET_TIMEZONE=${zone}$`));
});

const NEEDED = producerRights(DEFAULT_MAPPING, 'my_app', 'pushfleet');

test('a database as a pattern, all rights of one, and rights that come from a role', () => {
  const of = (...lines: string[]) =>
    rightsFindings(parseGrants(lines), NEEDED, "o'x@%", 'my_app', 'db:3306').map(
      ({ state, what }) => `${state}: ${what}`,
    );
  const pattern = 'GRANT SELECT, UPDATE ON `my\\_app`.* TO `x`@`%`';
  const state = 'GRANT ALL PRIVILEGES ON `pushfleet`.* TO `x`@`%`';
  expect(of(pattern, state)).toEqual([expect.stringMatching(/^warning: .*UPDATE on my\\_app\.\*$/)]);
  expect(of(pattern.replace('\\_app', 'xapp'), state)[0]).toMatch(/^fault: .*lacks SELECT on notification, /);
  expect(of('GRANT `pushers`@`%` TO `x`@`%`', 'GRANT USAGE ON *.* TO `x`@`%`')[0]).toMatch(/^skipped/);
  expect(of('GRANT ALL PRIVILEGES ON *.* TO `root`@`%` WITH GRANT OPTION')[0]).toMatch(
    /^warning: .*ALL PRIVILEGES on \*\.\*, GRANT OPTION/,
  );
});

test("a Redis setting of the start's fault becomes a command; what has none keeps its words", () => {
  expect(redisFinding('PUSHFLEET_REDIS_URL: it evicts; set "maxmemory-policy noeviction"').mend).toBe(
    'CONFIG SET maxmemory-policy noeviction\nCONFIG REWRITE',
  );
  expect(redisFinding('PUSHFLEET_REDIS_URL: Redis 5.0 is too old; use 6.2 or newer').note).toBe(
    'use 6.2 or newer',
  );
});

test('a CA of Redis that cannot be read', async () => {
  const settings = {
    PUSHFLEET_REDIS_URL: 'rediss://127.0.0.1:1',
    PUSHFLEET_REDIS_CA_FILE: '/nowhere/ca.pem',
  };
  expect(await checkRedis(settings, [], null, null)).toEqual([
    {
      check: 'Redis',
      state: 'fault',
      what: 'PUSHFLEET_REDIS_CA_FILE: /nowhere/ca.pem cannot be read (ENOENT)',
      note: 'mend the path, or let this user read the file',
      mend: null,
    },
  ]);
});

const TIMES = schemaMappingSchema.parse({
  notification: { sentAt: 'sent_at', expiry: 'expires' },
  token: { registeredAt: 'registered_at' },
});

test.each([
  ['datetime', 'datetime', 'datetime', 'datetime', 'Europe/Berlin', 'ok', null],
  ['timestamp', 'timestamp', 'int', 'timestamp', 'Europe/Berlin', 'warning', 'PUSHFLEET_TIMEZONE=UTC'],
  ['datetime', 'timestamp', 'int', 'datetime', 'Europe/Berlin', 'verify', null],
  ['datetime', 'timestamp', 'int', 'datetime', 'UTC', 'ok', null],
  ['datetime', 'timestamp on update', 'int', 'datetime', 'UTC', 'ok', null],
  [
    'datetime',
    'datetime',
    'int',
    'timestamp(3) on update',
    'UTC',
    'warning',
    'ALTER TABLE `token` MODIFY `registered_at` TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3);',
  ],
] as const)(
  'columns due %s, sent_at %s, expires %s, registered_at %s in %s: %s',
  async (due, sentAt, expiry, registeredAt, zone, state, mend) => {
    const types: Record<string, string> = {
      notificationdate: due,
      sent_at: sentAt,
      expires: expiry,
      registered_at: registeredAt,
    };
    const rows = async (_sql: string, values: readonly unknown[]) => {
      const [whole, ...extra] = types[String(values[2])]!.split(' ');
      return [
        {
          type: whole!.replace(/\(.*/, ''),
          whole: whole!.toUpperCase(),
          extra: extra.join(' '),
          nullable: 'NO',
        },
      ];
    };
    const findings = await timeColumns({ name: 'app', rows } as unknown as Database, TIMES, zone);
    expect(findings.map((one) => [one.state, one.mend])).toEqual([[state, mend]]);
  },
);

test.each([
  ['com.example.shop', 'production', 'ok', null],
  ['com.example.other', 'production', 'fault', 'PUSHFLEET_APNS_TOPIC=com.example.other'],
  [
    'com.example.other',
    'sandbox',
    'fault',
    'PUSHFLEET_APNS_TOPIC=com.example.other\nPUSHFLEET_APNS_ENVIRONMENT=sandbox',
  ],
] as const)('a worker of com.example.shop, a producer of %s in %s: %s', (topic, environment, state, mend) => {
  const worker = { app: 'shop', topic: 'com.example.shop', environment: 'production' } as const;
  expect(appFinding(worker, { topic, environment }, 'PUSHFLEET_APPS_FILE')).toMatchObject({ state, mend });
});

test('a missing name is mapped to the likeliest that is there, or to NAME', () => {
  const there = new Map([
    [
      'device',
      [
        { column: 'id', type: 'int' },
        { column: 'token', type: 'varchar' },
        { column: 'active', type: 'tinyint' },
      ],
    ],
    [
      'notification',
      [
        { column: 'text', type: 'longtext' },
        { column: 'send_at', type: 'datetime' },
      ],
    ],
  ]);
  const mend = (table: string, column: string | null) =>
    mappingMend({ table, column }, DEFAULT_MAPPING, there);
  expect(mend('token', null)).toBe('{"token":{"table":"device"}}');
  expect(mend('notification', 'notificationdate')).toBe('{"notification":{"due":"send_at"}}');
  expect(mend('notification', 'message')).toBe('{"notification":{"message":"text"}}');
  expect(mend('token_group_token', null)).toBe('{"groupToken":{"table":"NAME"}}');
});
