import { expect, test } from '@jest/globals';
import type { NotificationOptions } from './notification-options.ts';
import { buildPushRequest } from './push-request.ts';

const defaults = {
  app: 'default',
  topic: 'com.example.app',
  environment: 'production',
  badge: 1,
  sound: 'default',
} as const;

function build(message: string | null, options: NotificationOptions = {}) {
  return buildPushRequest({ message, messageBytes: Buffer.byteLength(message ?? ''), options }, defaults);
}

function payloadOf(message: string, options: NotificationOptions = {}): unknown {
  const built = build(message, options);
  if (!built.ok) throw new Error(built.error);
  return JSON.parse(built.request.payload);
}

test("without options the payload is the old loop's", () => {
  expect(payloadOf('Hello')).toEqual({ aps: { alert: 'Hello', badge: 1, sound: 'default' } });
});

test('title, thread and custom keys go where Apple wants them', () => {
  expect(
    payloadOf('Body', {
      title: 'T',
      subtitle: 'S',
      badge: null,
      sound: null,
      threadId: 't',
      category: 'c',
      payload: { order: 7 },
    }),
  ).toEqual({
    aps: { alert: { title: 'T', subtitle: 'S', body: 'Body' }, 'thread-id': 't', category: 'c' },
    order: 7,
  });
});

test('a payload with aps is sent as it is, in its own order of keys', () => {
  const built = build('ignored', { payload: { z: 1, aps: { alert: 'x' }, a: 2 } });
  expect(built.ok && built.request.payload).toBe('{"z":1,"aps":{"alert":"x"},"a":2}');
});

test('only content-available makes it a background push with priority 5', () => {
  const built = build('', { payload: { aps: { 'content-available': 1 } } });
  expect(built.ok && [built.request.pushType, built.request.priority]).toEqual(['background', 5]);
});

test.each([
  ['voip', 'com.example.app.voip'],
  ['liveactivity', 'com.example.app.push-type.liveactivity'],
  ['alert', 'com.example.app'],
])('the topic of push type %s is %s', (pushType, topic) => {
  const built = build('x', { pushType });
  expect(built.ok && built.request.topic).toBe(topic);
});

test.each<[string, string | null, NotificationOptions, string]>([
  ['an empty message', ' ', {}, 'empty'],
  ['no message', null, {}, 'empty'],
  ['a long message', 'é'.repeat(2100), {}, '4200 bytes'],
  ['a payload one byte too long', 'x'.repeat(4096 - 48 + 1), {}, '4097 bytes'],
  ['an unknown push type', 'x', { pushType: 'alret' }, '"alret" is unknown'],
  ['background with priority 10', 'x', { pushType: 'background', priority: 10 }, 'priority 10'],
  ['a long collapse id', 'x', { collapseId: 'é'.repeat(33) }, '66 bytes'],
  ['a collapse id with a line end', 'x', { collapseId: 'a\r\nb' }, 'header'],
  ['a collapse id with a blank at its end', 'x', { collapseId: 'order 7 ' }, 'blank'],
  ['aps that is a list', 'x', { payload: { aps: [] } }, 'no object'],
])('%s cannot be sent, and it says why', (_, message, options, why) => {
  const built = build(message, options);
  expect(built).toMatchObject({ ok: false, error: expect.stringContaining(why) });
});

test('a payload of exactly 4096 bytes is sent', () => {
  expect(build('x'.repeat(4096 - 48)).ok).toBe(true);
});
