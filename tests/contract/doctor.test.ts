import { execFile } from 'node:child_process';
import { createPrivateKey } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { type AddressInfo, connect, createServer as createTcpServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { type Simulator, startSimulator } from '@pushfleet/apns-simulator/simulator';
import { findFreePort } from '@pushfleet/local-servers/free-port';
import type { LocalServer } from '@pushfleet/local-servers/local-server';
import { startRedis } from '@pushfleet/local-servers/start-redis';
import { DEFAULT_MAPPING } from '@pushfleet/shared/domain/schema-mapping';
import { mysqlUrl } from '@pushfleet/shared/platform/mysql-url';
import { migrate, SCHEMA_VERSION } from '@pushfleet/shared/store/migrations';
import { openStore } from '@pushfleet/shared/store/open-store';
import { type NeededRight, producerRights } from '@pushfleet/shared/store/producer-rights';
import { Redis } from 'ioredis';
import type { Finding } from '../../apps/cli/src/doctor/finding.ts';
import { grantStatement } from '../../apps/cli/src/doctor/mysql-rights.ts';
import { runDoctor } from '../../apps/cli/src/doctor/run-doctor.ts';
import { aSigningKey } from '../harness/apns-peers.ts';
import { BINARY } from '../harness/command-line.ts';
import { type PrivateMysql, startPrivateMysql } from '../harness/private-mysql.ts';
import { createTestDatabase, type TestDatabase } from '../harness/test-database.ts';

/** Each fault is seeded, found, and gone once the mend that was printed is applied. */

const KEY_ID = 'ABC123DEFG';
const TEAM_ID = 'DEF123GHIJ';
const TOPIC = 'com.example.shop';

let mysql: PrivateMysql;
let redisServer: LocalServer;
let redis: Redis;
let simulator: Simulator;
let directory: string;
let database: TestDatabase;
let good: Record<string, string>;
const closers: (() => unknown)[] = [];

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'pushfleet-doctor-'));
  const key = aSigningKey();
  [mysql, redisServer, simulator] = await Promise.all([
    startPrivateMysql(['--log-bin', '--server-id=1', '--innodb-flush-log-at-trx-commit=1']),
    startRedis({ dir: join(directory, 'redis') }),
    startSimulator({ topics: [TOPIC], keyId: KEY_ID, teamId: TEAM_ID, publicKeyPem: key.publicKeyPem }),
  ]);
  redis = new Redis(redisServer.url);
  writeFileSync(join(directory, 'key.p8'), key.keyPem, { mode: 0o600 });
  writeFileSync(join(directory, 'ca.pem'), simulator.caPem);
}, 180_000);

afterAll(async () => {
  redis?.disconnect();
  await Promise.allSettled([mysql?.stop(), redisServer?.stop(), simulator?.close()]);
  rmSync(directory, { recursive: true, force: true });
}, 180_000);

beforeEach(async () => {
  database = await createTestDatabase();
  await database.query('CREATE INDEX by_token ON token (token)');
  good = {
    PUSHFLEET_MYSQL_URL: database.url,
    PUSHFLEET_REDIS_URL: redisServer.url,
    PUSHFLEET_APNS_URL: simulator.url,
    PUSHFLEET_APNS_CA_FILE: join(directory, 'ca.pem'),
    PUSHFLEET_APNS_KEY_FILE: join(directory, 'key.p8'),
    PUSHFLEET_APNS_KEY_ID: KEY_ID,
    PUSHFLEET_APNS_TEAM_ID: TEAM_ID,
    PUSHFLEET_APNS_TOPIC: TOPIC,
    PUSHFLEET_APNS_ENVIRONMENT: 'production',
  };
  await makeTables();
});

afterEach(async () => {
  for (const close of closers.splice(0)) await close();
  simulator.reset();
  await mysql.query("SET GLOBAL binlog_format = 'MIXED', GLOBAL innodb_flush_log_at_trx_commit = 1");
  await database.drop();
  await redis.config('SET', 'maxmemory-policy', 'noeviction');
  await redis.config('SET', 'appendonly', 'yes');
  await redis.flushall();
});

async function makeTables(settings: Record<string, string> = {}): Promise<void> {
  const store = await openStore({
    PUSHFLEET_MYSQL_URL: mysqlUrl.parse(database.url),
    PUSHFLEET_MYSQL_PASSWORD: undefined,
    PUSHFLEET_MYSQL_CA_FILE: undefined,
    PUSHFLEET_STATE_DATABASE: settings.PUSHFLEET_STATE_DATABASE,
    PUSHFLEET_SCHEMA_FILE: undefined,
  });
  await migrate(store.database, store.tables, store.backend).finally(() => store.close());
}

type Environment = Record<string, string>;

interface Seeded {
  readonly fault: string;
  readonly check: string;
  readonly what: RegExp;
  readonly state?: 'warning' | 'verify';
  /** Brings the fault about. @returns settings to look with */
  seed(): unknown;
  /** Applies what was printed. @returns settings that it changes */
  apply(mend: string, note: string): unknown;
}

/** Each line of a mend can be copied as it is: a setting, a statement, a command, or a piece of a file. */
const COPIED =
  /^(PUSHFLEET_\w+=\S+|[A-Z].*;|(openssl|chmod|timedatectl|pushfleet|CONFIG) .+|\{.*\}|\w+: '.*')$/;

const statement = async (mend: string): Promise<void> => {
  for (const line of mend.split('\n').filter((one) => one.endsWith(';'))) await database.query(line);
};
const setting = (mend: string): Environment =>
  Object.fromEntries([...mend.matchAll(/^(PUSHFLEET_\w+)=(\S+)$/gm)].map(([, name, value]) => [name, value]));
const mapping = (mend: string): Environment => {
  const path = join(directory, 'schema.json');
  writeFileSync(path, mend);
  return { PUSHFLEET_SCHEMA_FILE: path };
};
const configSet = async (mend: string): Promise<void> => {
  const [, name, value] = /^CONFIG SET (\S+) (\S+)/.exec(mend)!;
  await redis.config('SET', name!, value!);
};

const SEEDED: Seeded[] = [
  {
    fault: 'wrong table name',
    check: "backend's tables",
    what: /table token does not exist/,
    seed: () => rename('RENAME TABLE token TO push_token'),
    apply: mapping,
  },
  {
    fault: 'wrong column',
    check: "backend's tables",
    what: /table notification has no column notificationdate/,
    seed: () => rename('ALTER TABLE notification CHANGE notificationdate send_at DATETIME NOT NULL'),
    apply: mapping,
  },
  {
    fault: 'no index for due rows',
    check: 'due index',
    what: /reads the whole table/,
    seed: () => rename('DROP INDEX IDX_NOTIFICATION_DUE ON notification'),
    apply: statement,
  },
  {
    fault: 'no index on the device token',
    check: 'device token index',
    what: /all device tokens/,
    state: 'warning',
    seed: () => rename('DROP INDEX by_token ON token'),
    apply: statement,
  },
  {
    fault: 'time zone hours off: rows are sent before they are due',
    check: 'time zone',
    what: /sent 1 h before they are due in UTC/,
    state: 'warning',
    seed: () => insertSent('Africa/Lagos', 3),
    apply: setting,
  },
  {
    fault: 'time zone hours off: the newest rows are all due in just three hours',
    check: 'time zone',
    what: /newest rows are due in just 3 h in UTC/,
    state: 'warning',
    seed: async () => {
      for (let row = 0; row < 3; row++)
        await database.query(
          "INSERT INTO notification (message, sent, notificationdate) VALUES ('x', 0, UTC_TIMESTAMP() + INTERVAL 3 HOUR)",
        );
    },
    apply: setting,
  },
  {
    fault: 'due column of type TIMESTAMP',
    check: 'time columns',
    what: /notification\.notificationdate: TIMESTAMP, which MySQL gives as UTC/,
    state: 'warning',
    seed: async () => {
      await database.query(
        'ALTER TABLE notification MODIFY notificationdate TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP',
      );
      return { PUSHFLEET_TIMEZONE: 'Europe/Berlin' };
    },
    apply: setting,
  },
  {
    fault: 'due column that changes with its row',
    check: 'time columns',
    what: /each change of its row sets notification\.notificationdate to now: setting sent does too/,
    seed: () =>
      rename(
        'ALTER TABLE notification MODIFY notificationdate TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP',
      ),
    apply: statement,
  },
  {
    fault: 'eviction',
    check: 'Redis',
    what: /evicts keys .*allkeys-lru/,
    seed: async () => void (await redis.config('SET', 'maxmemory-policy', 'allkeys-lru')),
    apply: configSet,
  },
  {
    fault: 'no append-only file',
    check: 'Redis',
    what: /no append-only file/,
    seed: async () => void (await redis.config('SET', 'appendonly', 'no')),
    apply: configSet,
  },
  {
    fault: 'another fleet in the same Redis',
    check: 'fleet in Redis',
    what: /belongs to the fleet deadbeef/,
    seed: async () => {
      await setCopy({ topic: TOPIC, environment: 'production' });
    },
    apply: setting,
  },
  {
    fault: 'key that is not PKCS#8',
    check: 'APNs key',
    what: /not a PKCS#8 key/,
    seed: () => {
      const path = join(directory, 'sec1.pem');
      const key = createPrivateKey(keyText());
      writeFileSync(path, key.export({ type: 'sec1', format: 'pem' }));
      return { PUSHFLEET_APNS_KEY_FILE: path };
    },
    apply: async (mend) => {
      await promisify(execFile)('sh', ['-c', mend.split('\n')[0]!]);
      return setting(mend);
    },
  },
  {
    fault: 'key that others may read',
    check: 'secret files',
    what: /PUSHFLEET_APNS_KEY_FILE: .* may be read by others/,
    state: 'warning',
    seed: () => {
      const open = mkdtempSync(join(tmpdir(), 'pushfleet-open-'));
      closers.push(() => rmSync(open, { recursive: true }));
      chmodSync(open, 0o755);
      const path = join(open, 'key.p8');
      writeFileSync(path, keyText());
      chmodSync(path, 0o644);
      return { PUSHFLEET_APNS_KEY_FILE: path };
    },
    apply: async (mend) => void (await promisify(execFile)('sh', ['-c', mend])),
  },
  {
    fault: 'key id that has not ten characters',
    check: 'key id',
    what: /PUSHFLEET_APNS_KEY_ID is "ABC123"/,
    seed: () => ({ PUSHFLEET_APNS_KEY_ID: 'ABC123', ...namedKey() }),
    apply: setting,
  },
  {
    fault: 'team id and key id swapped, as the name of the key file tells',
    check: 'key id',
    what: /^key id and team id are swapped$/,
    seed: () => ({ PUSHFLEET_APNS_KEY_ID: TEAM_ID, PUSHFLEET_APNS_TEAM_ID: KEY_ID, ...namedKey() }),
    apply: setting,
  },
  {
    fault: 'team id and key id swapped, as APNs tells',
    check: 'APNs credential',
    what: /APNs takes them the other way round/,
    seed: () => ({ PUSHFLEET_APNS_KEY_ID: TEAM_ID, PUSHFLEET_APNS_TEAM_ID: KEY_ID }),
    apply: setting,
  },
  {
    fault: 'certificate that ends soon',
    check: 'certificate expiry',
    what: /ends on \d{4}-\d\d-\d\d, in \d days$/,
    state: 'warning',
    seed: () => certificate(9),
    apply: (_mend, note) => {
      expect(note).toContain('set PUSHFLEET_APNS_CERT_FILE');
      return certificate(390);
    },
  },
  {
    fault: 'certificate of the sandbox with production',
    check: 'certificate environment',
    what: /one of the sandbox/,
    seed: () => certificate(90, 'Apple Development IOS Push Services'),
    apply: setting,
  },
  {
    fault: 'certificate of another topic',
    check: 'certificate topic',
    what: /is of com\.example\.shop, the topic is com\.example\.other/,
    seed: async () => ({ ...(await certificate(90)), PUSHFLEET_APNS_TOPIC: 'com.example.other' }),
    apply: setting,
  },
  {
    fault: 'topic that the key may not push to',
    check: 'APNs credential',
    what: /400 TopicDisallowed/,
    seed: () => ({ PUSHFLEET_APNS_TOPIC: 'com.example.other' }),
    apply: (mend) => setting(mend.replace('BUNDLEID', TOPIC)),
  },
  {
    fault: 'sandbox host with production',
    check: 'APNs environment',
    what: /of the environment sandbox/,
    seed: async () => ({
      PUSHFLEET_APNS_URL: 'https://api.sandbox.push.apple.com',
      // Nothing of a test goes to Apple.
      PUSHFLEET_APNS_PROXY: `http://127.0.0.1:${await findFreePort()}`,
    }),
    apply: setting,
  },
  {
    fault: 'APNs unreachable, with a proxy to help',
    check: 'APNs connection',
    what: /cannot be reached at localhost/,
    seed: async () => ({ PUSHFLEET_APNS_URL: `https://localhost:${await findFreePort()}` }),
    apply: async (mend, note) => {
      expect(mend).toBe('PUSHFLEET_APNS_URL=https://localhost:2197');
      const [, proxy] = /PUSHFLEET_APNS_PROXY=([^ )]+)/.exec(note)!;
      return { PUSHFLEET_APNS_PROXY: proxy!.replace('PROXY:3128', `127.0.0.1:${await startProxy()}`) };
    },
  },
  {
    fault: 'no pushfleet_* tables',
    check: 'pushfleet_* tables',
    what: /do not exist/,
    seed: () => rename('DROP TABLE pushfleet_fleet'),
    apply: runPrinted,
  },
  {
    fault: 'one of the pushfleet_* tables is gone',
    check: 'pushfleet_* tables',
    what: /^pushfleet_outcome does not exist, although the others are there$/,
    seed: () => rename('DROP TABLE pushfleet_outcome'),
    apply: async (mend) => {
      const lines = mend.split('\n');
      await statement(lines[0]!);
      await runPrinted(lines[1]!);
    },
  },
  {
    fault: 'older pushfleet_* tables',
    check: 'pushfleet_* tables',
    what: /are of version 1, this program works with/,
    seed: () => rename('UPDATE pushfleet_fleet SET schema_version = 1'),
    apply: runPrinted,
  },
  {
    fault: 'newer pushfleet_* tables',
    check: 'pushfleet_* tables',
    what: /are of version 99, newer than this program/,
    seed: () => rename('UPDATE pushfleet_fleet SET schema_version = 99, oldest_program = 99'),
    apply: async (_mend, note) => {
      expect(note).toBe('run the newer program');
      await rename(`UPDATE pushfleet_fleet SET schema_version = ${SCHEMA_VERSION}, oldest_program = 1`);
    },
  },
  {
    fault: "Doctrine's migrations beside them",
    check: 'Doctrine',
    what: /beside doctrine_migration_versions/,
    state: 'verify',
    seed: () => rename('CREATE TABLE doctrine_migration_versions (version VARCHAR(191) PRIMARY KEY)'),
    apply: async (mend, note) => {
      expect(mend).toBe("schema_filter: '~^(?!pushfleet_)~'");
      const [, name] = /PUSHFLEET_STATE_DATABASE=(\w+)/.exec(note)!;
      await stateDatabase(name!);
      return { PUSHFLEET_STATE_DATABASE: name! };
    },
  },
  {
    fault: 'a right that is missing',
    check: 'MySQL rights',
    what: /lacks SELECT on notification, UPDATE \(sent\) on notification, SELECT on notification_token, SELECT on pushfleet_dispatch, .*/,
    seed: () => account((sql) => !/`(notification_token|pushfleet_dispatch)` |UPDATE \(sent\)/.test(sql)),
    apply: statement,
  },
  {
    fault: 'a right on our own tables that is missing',
    check: 'pushfleet_* tables',
    what: /^doc@127\.0\.0\.1 may not read pushfleet_fleet$/,
    seed: () => account((sql) => !sql.includes('pushfleet_fleet')),
    apply: statement,
  },
  {
    fault: 'rights on a database of our own that are missing',
    check: 'MySQL rights',
    what: /lacks INSERT on pushfleet_retirement$/,
    seed: async () => {
      await stateDatabase('pushfleet_doc');
      const passes = (sql: string) => !sql.includes('pushfleet_retirement');
      const settings = await account(passes, 'pushfleet_doc');
      await database.query(
        "GRANT SELECT, UPDATE, DELETE ON pushfleet_doc.pushfleet_retirement TO 'doc'@'127.0.0.1'",
      );
      return { ...settings, PUSHFLEET_STATE_DATABASE: 'pushfleet_doc' };
    },
    apply: (mend) => {
      expect(mend).toBe("GRANT INSERT ON `pushfleet_doc`.`pushfleet_retirement` TO 'doc'@'127.0.0.1';");
      return statement(mend);
    },
  },
  {
    fault: 'rights that are too many',
    check: 'MySQL rights',
    what: /may do more .*DELETE on pf_\w+\.token/,
    state: 'warning',
    seed: async () => {
      const settings = await account(() => true);
      await database.query(`GRANT DELETE ON ${database.name}.token TO 'doc'@'127.0.0.1'`);
      return settings;
    },
    apply: async (mend) => {
      closers.push(() => database.query("DROP USER 'pushfleet_producer'@'127.0.0.1'"));
      await statement(mend);
      return setting(mend);
    },
  },
  {
    fault: 'commits that are acknowledged before they are on disk',
    check: 'commits',
    what: /innodb_flush_log_at_trx_commit is 2: a crash of the machine forgets/,
    state: 'warning',
    seed: () => rename('SET GLOBAL innodb_flush_log_at_trx_commit = 2'),
    apply: statement,
  },
  {
    fault: 'a worker with another topic and environment than the producer',
    check: 'app',
    what: /sends for com\.example\.shop in production, and default is com\.example\.other in sandbox by the producer/,
    seed: async () => {
      await setCopy({ topic: 'com.example.other', environment: 'sandbox' });
      return { PUSHFLEET_MYSQL_URL: '' };
    },
    apply: setting,
  },
  {
    fault: 'binlog of statements',
    check: 'binlog',
    what: /binlog_format is STATEMENT/,
    seed: () => rename("SET GLOBAL binlog_format = 'STATEMENT'"),
    apply: statement,
  },
  {
    fault: 'port taken',
    check: 'PUSHFLEET_HTTP_PORT',
    what: /another program has port/,
    seed: async () => {
      const server = createTcpServer((socket) => socket.destroy()).listen(0);
      await new Promise((resolve) => server.once('listening', resolve));
      closers.push(() => server.close());
      return { PUSHFLEET_HTTP_PORT: String((server.address() as AddressInfo).port) };
    },
    apply: setting,
  },
];

test('what is as it should be has no fault and no warning but that root may do anything', async () => {
  const findings = await runDoctor(good);
  expect(findings.filter(({ state }) => state !== 'ok')).toMatchObject([
    { check: 'MySQL rights', state: 'warning' },
  ]);
  expect(simulator.acceptedCount()).toBe(0);
  expect(simulator.answers()).toEqual({ '400 BadDeviceToken': 1 });
});

test.each(SEEDED)('$fault', async ({ check, what, state = 'fault', seed, apply }) => {
  const seeded = { ...good, ...((await seed()) as Environment | undefined) };
  const found = (await runDoctor(seeded)).filter((one) => one.check === check && one.state === state);
  expect(found.map((one) => one.what)).toEqual([expect.stringMatching(what)]);
  const { mend, note } = found[0]!;
  for (const line of mend?.split('\n') ?? []) expect(line).toMatch(COPIED);
  const mended = { ...seeded, ...((await apply(mend ?? '', note ?? '')) as Environment | undefined) };
  const after = await runDoctor(mended);
  expect(bad(after, check)).toEqual([]);
  expect(after.some((one) => one.check === check)).toBe(true);
});

test('a query that fails ends its own check; the others report', async () => {
  await database.query(`RENAME TABLE notification TO backend_row;
    CREATE VIEW notification AS SELECT * FROM backend_row WHERE (SELECT 1 UNION ALL SELECT 2)`);
  const findings = await runDoctor(good);
  const state = (name: string) => findings.find(({ check }) => check === name)?.state;
  expect(findings.filter((one) => one.state === 'fault')).toMatchObject([
    { check: 'time zone', what: expect.stringContaining('Subquery returns more than 1 row') },
  ]);
  for (const check of ['pushfleet_* tables', 'binlog', "backend's tables", 'Redis'])
    expect([check, state(check)]).toEqual([check, 'ok']);
  expect(state('due index')).toBe('verify');
});

test('a Redis whose certificate is of another CA', async () => {
  const settings = { PUSHFLEET_REDIS_URL: simulator.url.replace('https:', 'rediss:') };
  const { PUSHFLEET_APNS_CERT_FILE: other } = await certificate(90);
  const findings = await runDoctor({ ...settings, PUSHFLEET_REDIS_CA_FILE: other! });
  expect(bad(findings, 'Redis')).toMatchObject([
    {
      state: 'fault',
      what: expect.stringMatching(/certificate/),
      note: expect.stringMatching(/^is PUSHFLEET_REDIS_CA_FILE/),
    },
  ]);
});

test('a clock that is an hour off against the date of APNs', async () => {
  const off = await runDoctor(good, () => Date.now() - 3_600_000);
  expect(bad(off, 'clock')).toMatchObject([{ state: 'fault', mend: 'timedatectl set-ntp true' }]);
  expect(off.find(({ check }) => check === 'clock')!.what).toMatch(/is 3(599|600|601) s behind APNs'/);
});

test("with a producer's settings APNs is skipped, with a worker's MySQL; the binary says so and ends with 0", async () => {
  const names = ['MYSQL_URL', 'REDIS_URL', 'APNS_TOPIC', 'APNS_ENVIRONMENT'].map(
    (name) => `PUSHFLEET_${name}`,
  );
  const producer = Object.fromEntries(names.map((name) => [name, good[name]!]));
  const { code, stdout } = await binary(['doctor'], producer);
  expect(code).toBe(0);
  expect(stdout).toMatch(/^skipped +APNs +not looked at: no credential is set here/m);
  expect(stdout).toMatch(/\nno faults, 1 warning, \d+ ok, 1 skipped\n$/);
  expect(stdout).not.toContain('\x1b[');
  const findings = await runDoctor({ ...good, PUSHFLEET_MYSQL_URL: '' });
  expect(findings.filter(({ state }) => state !== 'ok')).toMatchObject([
    { check: 'MySQL', state: 'skipped' },
  ]);
});

test('with Redis alone it is looked at, and what each process would need besides is told', async () => {
  const findings = await runDoctor({ PUSHFLEET_REDIS_URL: redisServer.url });
  expect(findings.map(({ check, state }) => `${check}: ${state}`)).toEqual([
    'settings: warning',
    'MySQL: skipped',
    'Redis: ok',
    'fleet in Redis: ok',
    'APNs: skipped',
  ]);
  const { note } = findings[0]!;
  expect(note).toMatch(/^a producer: PUSHFLEET_MYSQL_URL is missing; .*PUSHFLEET_APNS_TOPIC is missing/);
  expect(note).toMatch(/^a worker: .*PUSHFLEET_APNS_KEY is missing/m);
});

test('with --json one document, and 1 where there is a fault; 2 where nothing is configured', async () => {
  const { code, stdout } = await binary(['doctor', '--json'], {
    ...good,
    PUSHFLEET_APNS_TOPIC: 'com.example.other',
  });
  expect(code).toBe(1);
  const { faults, findings } = JSON.parse(stdout) as { faults: number; findings: Finding[] };
  expect(faults).toBe(1);
  for (const finding of findings)
    expect(Object.keys(finding)).toEqual(['check', 'state', 'what', 'note', 'mend']);
  expect(await binary(['doctor'], {})).toMatchObject({ code: 2, stdout: '' });
});

test('the rights that it looks for are those of deploy/grants/producer.sql', () => {
  const file = readFileSync(new URL('../../deploy/grants/producer.sql', import.meta.url), 'utf8');
  const stated = file.match(/^GRANT .*/gm)!;
  const filled = (name: string) => `\${${name}}`;
  const account = `'pushfleet_producer'@'${filled('HOST')}'`;
  expect(grants(filled('BACKEND'), filled('STATE'), account).sort()).toEqual(stated.sort());
});

function bad(findings: readonly Finding[], check: string): Finding[] {
  return findings
    .filter((one) => one.check === check && ['fault', 'warning', 'verify'].includes(one.state))
    .filter((one) => !(check === 'MySQL rights' && /root@/.test(one.what)));
}

async function rename(sql: string): Promise<void> {
  await database.query(sql);
}

/** Another database with the `pushfleet_*` tables. */
async function stateDatabase(name: string): Promise<void> {
  await database.query(`CREATE DATABASE ${name}`);
  closers.push(() => database.query(`DROP DATABASE ${name}`));
  await makeTables({ PUSHFLEET_STATE_DATABASE: name });
}

/** What a producer of another installation has left in Redis. */
async function setCopy(identity: { topic: string; environment: string }): Promise<void> {
  const copy = {
    fleet: 'deadbeef',
    epoch: 1,
    phase: 'ok',
    paused: false,
    ratePerSecond: null,
    cancelled: [],
  };
  await redis.set('{pushfleet-default}:control', JSON.stringify({ ...copy, ...identity }));
}

function keyText(): string {
  return readFileSync(join(directory, 'key.p8'), 'utf8');
}

/** The key in a file with the name that Apple gives it. */
function namedKey(): Environment {
  const path = join(directory, `AuthKey_${KEY_ID}.p8`);
  writeFileSync(path, keyText());
  return { PUSHFLEET_APNS_KEY_FILE: path };
}

/** A certificate as Apple's are, with its key. @returns settings with it in place of the signing key */
async function certificate(days: number, service = 'Apple Push Services'): Promise<Environment> {
  const path = join(directory, `certificate-${days}.pem`);
  const subject = `/UID=${TOPIC}/CN=${service}: ${TOPIC}`;
  const args = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  const files = ['-keyout', `${path}.key`, '-out', path];
  await promisify(execFile)('openssl', [...args, ...files, '-subj', subject, '-days', String(days)]);
  const key = Object.fromEntries(
    ['KEY_FILE', 'KEY_ID', 'TEAM_ID'].map((name) => [`PUSHFLEET_APNS_${name}`, '']),
  );
  return { ...key, PUSHFLEET_APNS_CERT_FILE: path, PUSHFLEET_APNS_CERT_KEY_FILE: `${path}.key` };
}

/** Rows that were sent just now, by a backend on the clock of that zone. */
async function insertSent(zone: string, rows: number): Promise<void> {
  const wall = new Date().toLocaleString('sv-SE', { timeZone: zone });
  for (let row = 0; row < rows; row++)
    await database.query("INSERT INTO notification (message, sent, notificationdate) VALUES ('x', 1, ?)", [
      wall,
    ]);
}

/** `pushfleet migrate`, as it was printed. */
async function runPrinted(mend: string): Promise<void> {
  const [program, ...args] = mend.split(' ');
  expect(program).toBe('pushfleet');
  const { code, stderr } = await binary(args, good);
  expect([code, stderr]).toEqual([0, '']);
}

/** An account with those of a producer's rights that pass. @returns settings with it */
async function account(passes: (statement: string) => boolean, state = database.name): Promise<Environment> {
  await database.query("CREATE USER 'doc'@'127.0.0.1'");
  closers.push(() => database.query("DROP USER 'doc'@'127.0.0.1'"));
  for (const sql of grants(database.name, state, "'doc'@'127.0.0.1'").filter(passes))
    await database.query(sql);
  const url = new URL(database.url);
  url.username = 'doc';
  return { PUSHFLEET_MYSQL_URL: url.href };
}

function grants(backend: string, state: string, who: string): string[] {
  const byTable = new Map<string, NeededRight[]>();
  for (const right of producerRights(DEFAULT_MAPPING, backend, state))
    byTable.set(right.table, [...(byTable.get(right.table) ?? []), right]);
  return [...byTable.values()].map((rights) => grantStatement(rights, who));
}

/** A proxy that leads every CONNECT to the simulator. */
async function startProxy(): Promise<number> {
  const server = createServer();
  server.on('connect', (_request, near) => {
    const far = connect(Number(new URL(simulator.url).port), '127.0.0.1', () => {
      near.write('HTTP/1.1 200 OK\r\n\r\n');
      far.pipe(near).pipe(far);
    });
    for (const socket of [near, far]) socket.on('error', () => {});
    closers.push(() => far.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closers.push(() => server.close());
  return (server.address() as AddressInfo).port;
}

async function binary(
  args: readonly string[],
  env: Environment,
): Promise<{ code: number; stdout: string; stderr: string }> {
  const options = { cwd: directory, env: { PATH: process.env.PATH, ...env } };
  return promisify(execFile)(process.execPath, [BINARY, ...args], options).then(
    (ran) => ({ code: 0, ...ran }),
    (error) => error,
  );
}
