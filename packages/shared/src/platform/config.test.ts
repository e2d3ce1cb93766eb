import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { ConfigurationError, loadConfig, withEnvFile } from './config.ts';
import { boardSettings, producerSettings, workerSettings } from './process-settings.ts';

const producer = {
  PUSHFLEET_MYSQL_URL: 'mysql://app:p%40ss@db:3307/shop?ssl-mode=VERIFY_CA',
  PUSHFLEET_REDIS_URL: 'redis://127.0.0.1:6379',
  PUSHFLEET_APNS_TOPIC: 'com.example.app',
  PUSHFLEET_APNS_ENVIRONMENT: 'sandbox',
};

function faultsOf(environment: Record<string, string>): readonly string[] {
  try {
    loadConfig(producerSettings, environment);
  } catch (error) {
    if (error instanceof ConfigurationError) return error.faults;
    throw error;
  }
  return [];
}

test('a good environment is read with its defaults', () => {
  const config = loadConfig(producerSettings, producer);
  expect(config.PUSHFLEET_MYSQL_URL).toMatchObject({
    host: 'db',
    port: 3307,
    user: 'app',
    password: 'p@ss',
    database: 'shop',
  });
  expect(config.PUSHFLEET_MAX_AGE).toBe(86_400_000);
  expect(config.PUSHFLEET_RATE_PER_SECOND).toBeNull();
});

test('all faults are told at once', () => {
  const faults = faultsOf({
    PUSHFLEET_MYSQL_URL: 'mysql://db/x?ssl=true',
    PUSHFLEET_REDIS_URL: 'localhost:6379',
    PUSHFLEET_TIMEZONE: 'Berlin',
    PUSHFLEET_BATCH_SIZE: '0',
    PUSHFLEET_APNS_TOPIC: 'com.example.app',
  });
  expect(faults).toHaveLength(5);
  expect(faults.join('\n')).toMatch(
    /ssl-mode.*redis:\/\/host.*Europe\/Berlin.*ENVIRONMENT is missing.*at least 1/s,
  );
});

test('a misspelt name stops the start with the nearest known name', () => {
  expect(faultsOf({ ...producer, PUSHFLEET_BATCH_SIZ: '5' })).toEqual([
    'PUSHFLEET_BATCH_SIZ is no setting of Pushfleet; did you mean PUSHFLEET_BATCH_SIZE?',
  ]);
});

test("another process's settings and what Kubernetes makes for Services are ignored", () => {
  expect(
    faultsOf({
      ...producer,
      PUSHFLEET_BOARD_PASSWORD: 'x',
      PUSHFLEET_APNS_KEY_ID: 'not looked at',
      PUSHFLEET_WORKER_SERVICE_HOST: '10.0.0.1',
      PUSHFLEET_PRODUCER_PORT_9464_TCP_ADDR: '10.0.0.1',
      PUSHFLEET_HTTP_PORT: 'tcp://10.0.0.1:9464',
    }),
  ).toEqual([]);
});

test('an empty value is none', () => {
  expect(faultsOf({ ...producer, PUSHFLEET_TIMEZONE: '', PUSHFLEET_MYSQL_PASSWORD: '' })).toEqual([]);
});

test('a secret may stand in a file, but not in both places', () => {
  const file = join(mkdtempSync(join(tmpdir(), 'pushfleet-')), 'password');
  writeFileSync(file, 'secret\n');
  expect(
    loadConfig(producerSettings, { ...producer, PUSHFLEET_MYSQL_PASSWORD_FILE: file })
      .PUSHFLEET_MYSQL_PASSWORD,
  ).toBe('secret');
  expect(
    faultsOf({ ...producer, PUSHFLEET_MYSQL_PASSWORD_FILE: file, PUSHFLEET_MYSQL_PASSWORD: 'x' })[0],
  ).toContain('both set');
  expect(faultsOf({ ...producer, PUSHFLEET_MYSQL_PASSWORD_FILE: '/nowhere' })[0]).toContain('ENOENT');
});

test('one file serves all processes, and the environment wins over it', () => {
  const file = join(mkdtempSync(join(tmpdir(), 'pushfleet-')), 'env');
  writeFileSync(
    file,
    Object.entries({ ...producer, PUSHFLEET_BATCH_SIZE: '7' })
      .map(([name, value]) => `${name}=${value}`)
      .join('\n'),
  );
  const environment = withEnvFile({ PUSHFLEET_BATCH_SIZE: '9' }, file);
  expect(loadConfig(producerSettings, environment).PUSHFLEET_BATCH_SIZE).toBe(9);
  expect(loadConfig(workerSettings, environment).PUSHFLEET_APNS_TOPIC).toBe('com.example.app');
  expect(loadConfig(boardSettings, environment).PUSHFLEET_BOARD_PORT).toBe(3100);
});

test.each([
  [
    'redis+sentinel://:pw@h1,h2:5000/main',
    {
      kind: 'sentinel',
      master: 'main',
      password: 'pw',
      sentinels: [
        { host: 'h1', port: 26379 },
        { host: 'h2', port: 5000 },
      ],
    },
  ],
  [
    'redis+sentinel://[::1],[fe80::2]:5000/main',
    {
      kind: 'sentinel',
      master: 'main',
      sentinels: [
        { host: '::1', port: 26379 },
        { host: 'fe80::2', port: 5000 },
      ],
    },
  ],
  ['redis://a:1,redis://b:2', { kind: 'cluster', urls: ['redis://a:1', 'redis://b:2'] }],
  ['rediss://a:1/3', { kind: 'single', url: 'rediss://a:1/3' }],
])('%s', (url, target) => {
  expect(loadConfig(boardSettings, { PUSHFLEET_REDIS_URL: url }).PUSHFLEET_REDIS_URL).toEqual(target);
});
