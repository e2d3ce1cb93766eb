import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { type Simulator, startSimulator } from './simulator.ts';
import { makeSigningKey, signProviderToken, TestClient } from './test-client.ts';

const DEVICE = 'ab'.repeat(32);
const PATH = `/3/device/${DEVICE}`;
const PAYLOAD = '{"aps":{"alert":"hello"}}';
const key = makeSigningKey();
const nowSeconds = Math.floor(Date.now() / 1000);
const bearer = (parts: Parameters<typeof signProviderToken>[1] = {}, privateKey = key.privateKey): string =>
  `bearer ${signProviderToken(privateKey, parts)}`;
const authorization = bearer();
const good = {
  ':path': PATH,
  authorization,
  'apns-topic': 'com.example.app',
  'apns-push-type': 'alert',
  'apns-priority': '10',
};

let simulator: Simulator;
let client: TestClient;

beforeAll(async () => {
  simulator = await startSimulator({
    topics: ['com.example.app'],
    teamId: 'TEAMID1234',
    publicKeyPem: key.publicKeyPem,
  });
});
beforeEach(() => {
  simulator.reset();
  client = new TestClient(simulator.url, simulator.caPem, { peerMaxConcurrentStreams: 1 });
});
afterEach(() => client.close());
afterAll(() => simulator.close());

type Case = [status: number, reason: string, why: string, headers: Record<string, unknown>, payload?: string];

const cases: Case[] = [
  [404, 'BadPath', 'another path', { ':path': '/3/devices/x' }],
  [404, 'BadPath', 'a path that goes on', { ':path': `${PATH}/more` }],
  [405, 'MethodNotAllowed', 'GET', { ':method': 'GET' }],
  [405, 'MethodNotAllowed', 'PUT', { ':method': 'PUT' }],
  [400, 'MissingDeviceToken', 'a path without device token', { ':path': '/3/device/' }],
  [400, 'DuplicateHeaders', 'two topics', { 'apns-topic': ['com.example.app', 'com.example.app'] }],
  [400, 'DuplicateHeaders', 'two push types', { 'apns-push-type': ['alert', 'background'] }],
  [400, 'BadMessageId', 'an apns-id that is no UUID', { 'apns-id': '42' }],
  [400, 'BadMessageId', 'a UUID in capitals', { 'apns-id': 'EC1BF194-B3B2-424A-89B9-5A918A6E6B5D' }],
  [400, 'BadExpirationDate', 'a date in words', { 'apns-expiration': 'tomorrow' }],
  [400, 'BadExpirationDate', 'a negative date', { 'apns-expiration': '-1' }],
  [400, 'BadExpirationDate', 'milliseconds', { 'apns-expiration': String(Date.now()) }],
  [400, 'BadPriority', 'priority 7', { 'apns-priority': '7' }],
  [400, 'BadPriority', 'background with 10', { 'apns-push-type': 'background' }],
  [
    400,
    'BadPriority',
    'background without priority',
    { 'apns-push-type': 'background', 'apns-priority': undefined },
  ],
  [400, 'BadCollapseId', '65 bytes', { 'apns-collapse-id': 'x'.repeat(65) }],
  [
    400,
    'BadCollapseId',
    '33 characters of two bytes',
    { 'apns-collapse-id': Buffer.from('ä'.repeat(33)).toString('latin1') },
  ],
  [403, 'MissingProviderToken', 'no header', { authorization: undefined }],
  [403, 'MissingProviderToken', 'another scheme', { authorization: 'basic abc' }],
  [403, 'InvalidProviderToken', 'nothing after bearer', { authorization: 'bearer' }],
  [403, 'InvalidProviderToken', 'no JWT', { authorization: 'bearer abc' }],
  [403, 'InvalidProviderToken', 'JSON of another kind', { authorization: 'bearer bnVsbA.bnVsbA.AAAA' }],
  [403, 'InvalidProviderToken', 'another key', { authorization: bearer({}, makeSigningKey().privateKey) }],
  [403, 'InvalidProviderToken', 'another algorithm', { authorization: bearer({ alg: 'HS256' }) }],
  [403, 'InvalidProviderToken', 'another team', { authorization: bearer({ teamId: 'OTHERTEAM1' }) }],
  [403, 'InvalidProviderToken', 'a key id of 4 letters', { authorization: bearer({ keyId: 'KEY1' }) }],
  [403, 'InvalidProviderToken', 'spoilt claims', { authorization: spoilClaims(authorization) }],
  [
    403,
    'ExpiredProviderToken',
    'over an hour old',
    { authorization: bearer({ issuedAt: nowSeconds - 3605 }) },
  ],
  [403, 'ExpiredProviderToken', 'iat far ahead', { authorization: bearer({ issuedAt: nowSeconds + 3700 }) }],
  [403, 'ExpiredProviderToken', 'iat in milliseconds', { authorization: bearer({ issuedAt: Date.now() }) }],
  [400, 'MissingTopic', 'no topic', { 'apns-topic': undefined }],
  [400, 'BadTopic', 'a malformed topic', { 'apns-topic': 'com example app' }],
  [400, 'TopicDisallowed', 'a topic of another app', { 'apns-topic': 'com.example.other' }],
  [400, 'InvalidPushType', 'an unknown push type', { 'apns-push-type': 'banner' }],
  [400, 'DeviceTokenNotForTopic', 'voip without its suffix', { 'apns-push-type': 'voip' }],
  [400, 'DeviceTokenNotForTopic', 'alert to a voip topic', { 'apns-topic': 'com.example.app.voip' }],
  [400, 'PayloadEmpty', 'no payload', {}, ''],
  [413, 'PayloadTooLarge', '4097 bytes', {}, 'x'.repeat(4097)],
  [413, 'PayloadTooLarge', '4096 characters, 4097 bytes', {}, `${'x'.repeat(4095)}ä`],
  [413, 'PayloadTooLarge', 'a megabyte', {}, 'x'.repeat(1_000_000)],
  [413, 'PayloadTooLarge', 'voip with 5121 bytes', voip(), 'x'.repeat(5121)],
  [400, 'BadDeviceToken', '62 hex digits', { ':path': `/3/device/${'ab'.repeat(31)}` }],
  [400, 'BadDeviceToken', 'an odd number of them', { ':path': `${PATH}a` }],
  [400, 'BadDeviceToken', 'no hex', { ':path': `/3/device/${'xy'.repeat(32)}` }],
  [400, 'BadDeviceToken', '202 hex digits', { ':path': `/3/device/${'ab'.repeat(101)}` }],
];

test.each(cases)('%i %s: %s', async (status, reason, _why, headers, payload = PAYLOAD) => {
  const request = { ...good, 'apns-id': 'ec1bf194-b3b2-424a-89b9-5a918a6e6b5d', ...headers };
  const answer = await client.send(withoutUndefined(request), payload);
  expect([answer.status, answer.body]).toEqual([status, { reason }]);
  if (reason !== 'BadMessageId') expect(answer.headers['apns-id']).toBe(request['apns-id']);
  expect(answer.headers['apns-id']).toMatch(/^[0-9a-f-]{36}$/);
  expect(simulator.acceptedCount()).toBe(0);
  expect(simulator.requests()).toMatchObject([{ status, reason }]);
});

test('the answer names the fault that comes first in the list', async () => {
  const faults = [
    { 'apns-priority': '7', reason: 'BadPriority' },
    { authorization: 'bearer abc', reason: 'InvalidProviderToken' },
    { 'apns-topic': 'com.example.other', reason: 'TopicDisallowed' },
    { 'apns-push-type': 'banner', reason: 'InvalidPushType' },
    { ':path': '/3/device/ab', reason: 'BadDeviceToken' },
  ];
  for (let first = 0; first < faults.length; first++) {
    const { reason, ...headers } = Object.assign({}, ...faults.slice(first).reverse());
    expect((await client.send({ ...good, ...headers }, PAYLOAD)).body.reason).toBe(reason);
  }
});

test('the first provider token binds the connection to its team and its key', async () => {
  const lax = await startSimulator({});
  const bound = new TestClient(lax.url, lax.caPem);
  const send = async (parts: object): Promise<unknown> =>
    (await bound.send({ ...good, authorization: bearer(parts) }, PAYLOAD)).body.reason ?? 'accepted';
  expect(await send({})).toBe('accepted');
  expect(await send({ keyId: 'OTHERKEY12' })).toBe('UnrelatedKeyIdInToken');
  expect(await send({ teamId: 'OTHERTEAM1' })).toBe('InvalidProviderToken');
  const other = new TestClient(lax.url, lax.caPem);
  const answer = await other.send({ ...good, authorization: bearer({ keyId: 'OTHERKEY12' }) }, PAYLOAD);
  expect(answer.status).toBe(200);
  await lax.close();
});

test('403 InvalidProviderToken: a key id other than the expected one', async () => {
  const strict = await startSimulator({ keyId: 'KEYID12345' });
  const other = new TestClient(strict.url, strict.caPem);
  const answer = await other.send({ ...good, authorization: bearer({ keyId: 'OTHERKEY12' }) }, PAYLOAD);
  expect(answer.body.reason).toBe('InvalidProviderToken');
  await strict.close();
});

test('429 TooManyProviderTokenUpdates: a new provider token within 20 minutes on one connection', async () => {
  let nowMs = Date.now();
  const clocked = await startSimulator({ now: () => nowMs });
  const bound = new TestClient(clocked.url, clocked.caPem);
  const start = Math.floor(nowMs / 1000);
  const send = async (issuedAt: number): Promise<unknown> =>
    (await bound.send({ ...good, authorization: bearer({ issuedAt }) }, PAYLOAD)).body.reason ?? 'accepted';

  expect(await send(start - 1800)).toBe('accepted');
  expect(await send(start - 601)).toBe('TooManyProviderTokenUpdates');
  expect(await send(start - 600)).toBe('accepted'); // 20 minutes between the two iat
  expect(await send(start)).toBe('TooManyProviderTokenUpdates');
  nowMs += 20 * 60_000;
  expect(await send(start)).toBe('accepted'); // 20 minutes between the arrivals
  const other = new TestClient(clocked.url, clocked.caPem);
  expect(
    (await other.send({ ...good, authorization: bearer({ issuedAt: start + 5 }) }, PAYLOAD)).status,
  ).toBe(200);
  await clocked.close();
});

test('403 ExpiredProviderToken: one that was good until now', async () => {
  let nowMs = Date.now();
  const clocked = await startSimulator({ now: () => nowMs });
  const bound = new TestClient(clocked.url, clocked.caPem);
  expect((await bound.send(good, PAYLOAD)).status).toBe(200);
  nowMs += 3_700_000;
  expect((await bound.send(good, PAYLOAD)).body).toEqual({ reason: 'ExpiredProviderToken' });
  await clocked.close();
});

function voip(): Record<string, string> {
  return { 'apns-push-type': 'voip', 'apns-topic': 'com.example.app.voip' };
}

function spoilClaims(header: string): string {
  const [head, , signature] = header.split('.');
  const claims = Buffer.from(JSON.stringify({ iss: 'TEAMID1234', iat: nowSeconds - 1 })).toString(
    'base64url',
  );
  return `${head}.${claims}.${signature}`;
}

function withoutUndefined(headers: Record<string, unknown>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).filter(([, value]) => value !== undefined)) as Record<
    string,
    string
  >;
}
