import { expect, test } from '@jest/globals';
import { plainApp } from './apps.ts';
import { requestOfRow, rowDigest } from './row-request.ts';

const rules = {
  apps: [
    plainApp('default', 'com.example.app', 'sandbox'),
    { ...plainApp('other', 'com.example.other', 'sandbox'), badge: null },
  ],
  defaultApp: 'default',
  zone: 'Europe/Berlin',
  expiryIsDateTime: true,
};
const row = (columns: Record<string, string> = {}, options: string | null = null) => ({
  message: 'Hello',
  messageBytes: 5,
  columns,
  options,
});

test('columns and options make one request, and mapped columns win', () => {
  const built = requestOfRow(
    row(
      { title: 'From the column', badge: '3', expiry: '2026-07-01 12:00:00' },
      '{"title":"From the options","sound":null,"collapseId":"c"}',
    ),
    rules,
  );
  expect(built.ok && JSON.parse(built.request.payload)).toEqual({
    aps: { alert: { title: 'From the column', body: 'Hello' }, badge: 3 },
  });
  expect(built.ok && [built.request.collapseId, built.request.expiration]).toEqual([
    'c',
    Date.parse('2026-07-01T10:00:00Z') / 1000,
  ]);
});

test.each([
  [{ app: 'other' }, 'com.example.other'],
  [{ topic: 'com.example.other' }, 'com.example.other'],
  [{ topic: 'com.example.app.voip', pushType: 'voip' }, 'com.example.app.voip'],
  [{}, 'com.example.app'],
])('a row with %j goes to the topic %s', (columns, topic) => {
  const built = requestOfRow(row(columns), rules);
  expect(built.ok && built.request.topic).toBe(topic);
});

test.each<[string, Record<string, string>, string | null, string]>([
  ['broken JSON in the options', {}, '{"a":', 'pushfleet_request.options is no valid JSON'],
  ['options that are a list', {}, '[]', 'no object'],
  ['broken JSON in the payload', { payload: '{oops' }, null, 'the payload is no valid JSON'],
  ['an option nobody knows', {}, '{"tilte":"x"}', 'tilte'],
  ['a badge that is no number', { badge: 'many' }, null, '"badge"'],
  ['an unknown priority', { priority: '7' }, null, '"priority"'],
  ['an unknown app', { app: 'nobody' }, null, 'app "nobody" is not configured'],
  ['a topic of nobody', { topic: 'org.example' }, null, 'belongs to no configured app'],
  ['an expiry that is no time', { expiry: 'soon' }, null, 'is no time'],
  ['an unknown push type', { pushType: 'popup' }, null, '"popup" is unknown'],
])('%s cannot be sent, and it says why', (_, columns, options, why) => {
  expect(requestOfRow(row(columns, options), rules)).toMatchObject({
    ok: false,
    error: expect.stringContaining(why),
  });
});

test('keys that would poison a prototype do no harm', () => {
  const built = requestOfRow(row({}, '{"payload":{"__proto__":{"polluted":true},"constructor":1}}'), rules);
  expect(built.ok).toBe(true);
  expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
});

test('the digest of a row changes with the row and with the rules', () => {
  const digests = [
    rowDigest(row(), rules),
    rowDigest(row({ title: 'x' }), rules),
    rowDigest(row({}, '{}'), rules),
    rowDigest(row(), { ...rules, defaultApp: 'other' }),
  ];
  expect(new Set(digests).size).toBe(4);
  expect(rowDigest(row(), rules)).toBe(digests[0]);
});
