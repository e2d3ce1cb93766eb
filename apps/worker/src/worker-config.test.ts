import { expect, test } from '@jest/globals';
import { ConfigurationError } from '@pushfleet/shared/platform/config';
import { credentialFaults, loadWorkerConfig } from './worker-config.ts';

test.each([
  [{}, /PUSHFLEET_APNS_KEY is missing/],
  [{ PUSHFLEET_APNS_KEY: 'k', PUSHFLEET_APNS_CERT: 'c' }, /both set/],
  [{ PUSHFLEET_APNS_KEY: 'k', PUSHFLEET_APNS_TEAM_ID: 'TEAMID1234' }, /KEY_ID is missing/],
  [{ PUSHFLEET_APNS_KEY: 'k', PUSHFLEET_APNS_KEY_ID: 'KEYID12345' }, /TEAM_ID is missing/],
])('credential settings %j: %s', (config, fault) => {
  expect(credentialFaults(config)).toEqual([expect.stringMatching(fault)]);
});

test.each([
  [{ PUSHFLEET_APNS_KEY: 'k', PUSHFLEET_APNS_KEY_ID: 'KEYID12345', PUSHFLEET_APNS_TEAM_ID: 'TEAMID1234' }],
  [{ PUSHFLEET_APNS_CERT: 'c' }],
])('exactly one kind of credential is right: %j', (config) => {
  expect(credentialFaults(config)).toEqual([]);
});

test('all faults are told at once', () => {
  const load = () => loadWorkerConfig({ PUSHFLEET_MAX_ATTEMPTS: 'many', PUSHFLEET_APNS_ENVIRONMENT: 'test' });
  expect(load).toThrow(ConfigurationError);
  expect(load).toThrow(
    /REDIS_URL[\s\S]*ENVIRONMENT[\s\S]*TOPIC[\s\S]*MAX_ATTEMPTS[\s\S]*APNS_KEY is missing/,
  );
});
