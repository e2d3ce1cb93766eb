import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { findFreePort } from '@pushfleet/local-servers/free-port';
import type { LocalServer } from '@pushfleet/local-servers/local-server';
import { type MysqlServer, startMysql } from '@pushfleet/local-servers/start-mysql';
import { startRedis } from '@pushfleet/local-servers/start-redis';
import { insertNotifications, insertTokens } from '../harness/backend-rows.ts';
import { startBoardProcess } from '../harness/board-process.ts';
import { deviceToken, type Fleet, startFleet } from '../harness/fleet.ts';

/**
 * TLS to MySQL and Redis through real processes. The servers' certificate is for the name "localhost" alone,
 * so 127.0.0.1 is the wrong host.
 */
const directory = mkdtempSync(join(tmpdir(), 'pushfleet-tls-'));
const file = (name: string) => join(directory, name);
const testServers = {
  PUSHFLEET_TEST_MYSQL_URL: process.env.PUSHFLEET_TEST_MYSQL_URL,
  PUSHFLEET_TEST_REDIS_URL: process.env.PUSHFLEET_TEST_REDIS_URL,
};
let mysql: MysqlServer;
let redis: LocalServer;
let redisTlsPort: number;
let fleet: Fleet;

beforeAll(async () => {
  makeCertificates();
  redisTlsPort = await findFreePort();
  [mysql, redis] = await Promise.all([
    startMysql({
      dir: file('mysql'),
      fast: true,
      extraArgs: [
        `--ssl-ca=${file('ca.pem')}`,
        `--ssl-cert=${file('server.pem')}`,
        `--ssl-key=${file('server.key')}`,
      ],
    }),
    startRedis({
      dir: file('redis'),
      extraArgs: [
        ...[
          '--tls-port',
          String(redisTlsPort),
          '--tls-auth-clients',
          'no',
          '--tls-ca-cert-file',
          file('ca.pem'),
        ],
        ...['--tls-cert-file', file('server.pem'), '--tls-key-file', file('server.key')],
      ],
    }),
  ]);
  process.env.PUSHFLEET_TEST_MYSQL_URL = mysql.url;
  process.env.PUSHFLEET_TEST_REDIS_URL = redis.url;
  fleet = await startFleet();
  // From here on MySQL takes no connection without TLS, but for the one that the test has already.
  await fleet.database.query('SET GLOBAL require_secure_transport = ON');
}, 180_000);

afterAll(async () => {
  await fleet?.database.query('SET GLOBAL require_secure_transport = OFF');
  await fleet?.stop();
  await Promise.all([mysql?.stop(), redis?.stop()]);
  for (const [name, value] of Object.entries(testServers)) if (value !== undefined) process.env[name] = value;
  rmSync(directory, { recursive: true, force: true });
}, 180_000);

test.each([
  ['PREFERRED', '127.0.0.1', null, 0, ''],
  ['REQUIRED', '127.0.0.1', null, 0, ''],
  ['REQUIRED', '127.0.0.1', 'other-ca.pem', 0, ''],
  ['VERIFY_CA', '127.0.0.1', 'ca.pem', 0, ''],
  ['VERIFY_IDENTITY', 'localhost', 'ca.pem', 0, ''],
  ['DISABLED', '127.0.0.1', null, 1, 'MySQL refuses'],
  ['VERIFY_CA', '127.0.0.1', 'other-ca.pem', 1, 'PUSHFLEET_MYSQL_CA_FILE'],
  ['VERIFY_CA', '127.0.0.1', null, 1, 'PUSHFLEET_MYSQL_CA_FILE'],
  ['VERIFY_IDENTITY', 'localhost', 'other-ca.pem', 1, 'PUSHFLEET_MYSQL_CA_FILE'],
  ['VERIFY_IDENTITY', '127.0.0.1', 'ca.pem', 2, 'PUSHFLEET_MYSQL_URL'],
] as const)('MySQL with ssl-mode %s at %s, CA %s: exit %i', async (mode, host, ca, exitCode, says) => {
  const ran = await fleet.run(['status', '--json'], mysqlSettings(mode, host, ca));
  expect([ran.exitCode, ran.stderr]).toEqual([exitCode, says === '' ? '' : expect.stringContaining(says)]);
  expect(ran.stderr).not.toMatch(/^\s+at /m);
});

test('a certificate of the right CA for another host passes VERIFY_CA and not VERIFY_IDENTITY', async () => {
  const withCertificate = async (name: string) => {
    copyFileSync(file(`${name}.pem`), file('server.pem'));
    await fleet.database.query('FLUSH SSL');
  };
  await withCertificate('elsewhere');
  try {
    const asked = async (mode: string) =>
      fleet.run(['status', '--json'], mysqlSettings(mode, 'localhost', 'ca.pem'));
    const [chain, identity] = await Promise.all([asked('VERIFY_CA'), asked('VERIFY_IDENTITY')]);
    expect([chain.exitCode, chain.stderr]).toEqual([0, '']);
    expect([identity.exitCode, identity.stderr]).toEqual([
      1,
      expect.stringMatching(/altnames.*PUSHFLEET_MYSQL_URL/s),
    ]);
  } finally {
    await withCertificate('localhost');
  }
});

test('a server without TLS is refused by REQUIRED and taken by PREFERRED', async () => {
  const plain = await startMysql({ dir: file('plain'), fast: true, extraArgs: ['--skip-ssl'] });
  try {
    const asked = async (mode: string) =>
      fleet.run(['migrate'], { PUSHFLEET_MYSQL_URL: `${plain.url}mysql?ssl-mode=${mode}` });
    const [required, preferred] = [await asked('REQUIRED'), await asked('PREFERRED')];
    expect([required.exitCode, required.stderr]).toEqual([
      1,
      expect.stringMatching(/^pushfleet: TLS to MySQL failed .*secure connection/),
    ]);
    // Connected, and told that the tables of a backend are missing there.
    expect([preferred.exitCode, preferred.stderr]).toEqual([
      2,
      expect.stringContaining('table notification'),
    ]);
  } finally {
    await plain.stop();
  }
}, 180_000);

test('a push from a row to APNs with verified TLS on both servers', async () => {
  const settings = {
    ...mysqlSettings('VERIFY_IDENTITY', 'localhost', 'ca.pem'),
    PUSHFLEET_REDIS_URL: `rediss://localhost:${redisTlsPort}`,
    PUSHFLEET_REDIS_CA_FILE: file('ca.pem'),
  };
  await insertTokens(fleet.database, [{ id: 1, deviceToken: deviceToken(1) }]);
  const producer = await fleet.startProducer(settings);
  const worker = await fleet.startWorker(settings);
  await insertNotifications(fleet.database, [{ id: 1, tokenIds: [1] }]);
  await fleet.ended([1]);
  expect(await fleet.database.query('SELECT sent FROM notification WHERE id = 1')).toEqual([{ sent: 1 }]);
  expect(fleet.simulator.accepted()).toHaveLength(1);
  // Nobody of ours speaks plainly to Redis: what is connected to its plain port is not there.
  const ports = execFileSync('ss', ['-tnH', 'state', 'established', `( sport = :${redis.port} )`], {
    encoding: 'utf8',
  });
  expect(ports.trim()).toBe('');
  expect(await worker.stop()).toBe(0);
  expect(await producer.stop()).toBe(0);
}, 180_000);

test.each([
  ['a CA that did not sign it', () => `rediss://localhost:${redisTlsPort}`, 'other-ca.pem'],
  ['no CA given', () => `rediss://localhost:${redisTlsPort}`, null],
  ['the wrong host', () => `rediss://127.0.0.1:${redisTlsPort}`, 'ca.pem'],
] as const)(
  'Redis with TLS and %s: nothing starts, and it says which setting',
  async (_, url, ca) => {
    const settings = {
      PUSHFLEET_REDIS_URL: url(),
      ...(ca !== null && { PUSHFLEET_REDIS_CA_FILE: file(ca) }),
    };
    const ended = await Promise.all([
      fleet.run(['worker'], settings),
      fleet.run(['producer'], { ...mysqlSettings('REQUIRED', 'localhost', null), ...settings }),
    ]);
    for (const { exitCode, stderr } of ended)
      expect([exitCode, stderr]).toEqual([
        2,
        expect.stringMatching(/PUSHFLEET_REDIS_(URL|CA_FILE).*certificate/s),
      ]);
  },
  20_000,
);

test('the board reads Redis over TLS, and shows nothing of one whose certificate it cannot verify', async () => {
  const login = { PUSHFLEET_BOARD_USER: 'ops', PUSHFLEET_BOARD_PASSWORD: 'secret' };
  const ask = async (ca: string) => {
    const board = await startBoardProcess({
      ...login,
      PUSHFLEET_REDIS_PREFIX: fleet.redisPrefix,
      PUSHFLEET_REDIS_URL: `rediss://localhost:${redisTlsPort}`,
      PUSHFLEET_REDIS_CA_FILE: file(ca),
    });
    const headers = { authorization: `Basic ${Buffer.from('ops:secret').toString('base64')}` };
    const { status } = await fetch(`${board.url}queues/api/queues`, { headers });
    await board.stop();
    return status;
  };
  expect(await Promise.all([ask('ca.pem'), ask('other-ca.pem')])).toEqual([200, 500]);
}, 180_000);

function mysqlSettings(mode: string, host: string, ca: string | null): Record<string, string> {
  return {
    PUSHFLEET_MYSQL_URL: `mysql://root@${host}:${mysql.port}/${fleet.database.name}?ssl-mode=${mode}`,
    ...(ca !== null && { PUSHFLEET_MYSQL_CA_FILE: file(ca) }),
  };
}

/** A CA, a server's certificates from it for two hosts, and another CA that has signed nothing. */
function makeCertificates(): void {
  const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: directory, stdio: 'ignore' });
  const key = ['-newkey', 'rsa:2048', '-nodes'];
  for (const ca of ['ca', 'other-ca'])
    openssl(
      'req',
      '-x509',
      ...key,
      '-keyout',
      `${ca}.key`,
      '-out',
      `${ca}.pem`,
      '-days',
      '2',
      '-subj',
      `/CN=${ca}`,
    );
  openssl('req', ...key, '-keyout', 'server.key', '-out', 'server.csr', '-subj', '/CN=server');
  const sign = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '2', '-extfile', 'san.txt'];
  for (const host of ['localhost', 'elsewhere']) {
    writeFileSync(file('san.txt'), `subjectAltName=DNS:${host}\n`);
    openssl('x509', '-req', '-in', 'server.csr', ...sign, '-out', `${host}.pem`);
  }
  copyFileSync(file('localhost.pem'), file('server.pem'));
}
