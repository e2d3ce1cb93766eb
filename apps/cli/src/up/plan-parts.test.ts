import { expect, test } from '@jest/globals';
import { planUp } from './plan-parts.ts';

const MYSQL = { PUSHFLEET_MYSQL_URL: 'mysql://push@db/app' };
const REDIS = { PUSHFLEET_REDIS_URL: 'redis://redis' };
const APNS = { PUSHFLEET_APNS_KEY_FILE: 'AuthKey.p8' };

test.each([
  ['nothing', {}, 'run', true],
  ['MySQL', MYSQL, 'refused', false],
  ['Redis', REDIS, 'refused', false],
  ['APNs', APNS, 'refused', false],
  ['MySQL and Redis', { ...MYSQL, ...REDIS }, 'refused', false],
  ['MySQL and APNs', { ...MYSQL, ...APNS }, 'refused', false],
  ['Redis and APNs', { ...REDIS, ...APNS }, 'refused', false],
  ['everything', { ...MYSQL, ...REDIS, ...APNS }, 'run', false],
])('%s configured: with sample data wanted %s', (_name, environment, kind, sample) => {
  const plan = planUp(environment, true);
  expect(plan.kind).toBe(kind);
  if (plan.kind === 'run') expect(plan.sample).toBe(sample);
  const withoutSample = planUp(environment, false);
  expect(withoutSample).toEqual({
    kind: 'run',
    sample: false,
    parts: {
      mysql: 'PUSHFLEET_MYSQL_URL' in environment ? 'configured' : 'embedded',
      redis: 'PUSHFLEET_REDIS_URL' in environment ? 'configured' : 'embedded',
      apns: 'PUSHFLEET_APNS_KEY_FILE' in environment ? 'configured' : 'embedded',
    },
  });
});

test('a refused mixture names what is configured, what would be embedded, and the ways out', () => {
  const plan = planUp({ ...MYSQL, ...APNS }, true);
  const sentence = plan.kind === 'refused' ? plan.sentence : '';
  expect(sentence).toContain('MySQL and APNs are configured (PUSHFLEET_MYSQL_URL, PUSHFLEET_APNS_KEY_FILE)');
  expect(sentence).toContain('Redis would run embedded');
  expect(sentence).toContain('set PUSHFLEET_REDIS_URL too');
  expect(sentence).toContain('--no-sample');
});

test.each([
  'PUSHFLEET_APNS_URL',
  'PUSHFLEET_APNS_KEY',
  'PUSHFLEET_APNS_KEY_FILE',
  'PUSHFLEET_APNS_CERT',
  'PUSHFLEET_APNS_CERT_FILE',
  'PUSHFLEET_APNS_TOPIC',
])('%s alone makes APNs configured', (name) => {
  expect(planUp({ [name]: 'x' }, true).kind).toBe('refused');
});

test('an empty value is none: compose passes them', () => {
  expect(planUp({ PUSHFLEET_MYSQL_URL: '', PUSHFLEET_APNS_URL: ' ' }, true)).toMatchObject({ sample: true });
});

test.each([
  'PUSHFLEET_MYSQL_PASSWORD',
  'PUSHFLEET_SCHEMA_FILE',
  'PUSHFLEET_REDIS_PASSWORD_FILE',
  'PUSHFLEET_APPS_FILE',
])('%s without its server is refused, with or without sample data', (name) => {
  for (const sample of [true, false]) {
    const plan = planUp({ [name]: 'x' }, sample);
    expect(plan.kind === 'refused' && plan.sentence).toContain(`${name} is set`);
  }
});

test('NODE_ENV=production is refused, with or without sample data', () => {
  for (const sample of [true, false])
    expect(planUp({ NODE_ENV: 'production' }, sample)).toMatchObject({ kind: 'refused' });
});
