import { expect, test } from '@jest/globals';
import { InvalidNotificationError } from './errors.ts';
import { checkNotification, type NotificationInput } from './notification-input.ts';

const DEVICE_TOKEN = 'ab'.repeat(32);
const good: NotificationInput = { message: 'm', deviceTokens: [DEVICE_TOKEN] };

test.each<[string, object, RegExp]>([
  ['no audience', { deviceTokens: [] }, /no audience: give deviceTokens, tokenGroups or both/],
  ['an empty message', { message: ' ' }, /the message is empty/],
  ['a message that is too long', { message: 'x'.repeat(5_121) }, /5120 bytes that APNs takes/],
  ['a payload that is too long', { payload: { a: 'x'.repeat(5_121) } }, /the payload is larger/],
  ['a payload that is a list', { payload: [] }, /payload is no object/],
  ['a malformed device token', { deviceTokens: [DEVICE_TOKEN, 'abc'] }, /1 of 2 device tokens/],
  ['a negative badge', { badge: -1 }, /badge/],
  ['an unknown priority', { priority: 7 }, /priority must be 1, 5 or 10/],
  ['an unknown lane', { lane: 'fast' }, /lane must be urgent or bulk/],
  ['an expiry that is no time', { expiry: new Date('x') }, /expiry/],
  ['a time that is a text', { at: '2030-01-01' }, /at is no Date/],
  ['a collapse id of 65 characters', { collapseId: 'x'.repeat(65) }, /collapseId/],
  ['an empty key', { key: '' }, /key must be/],
  ['a name that is unknown', { tittle: 'T' }, /"tittle" is unknown/],
])('%s is refused', (_, part, message) => {
  expect(() => checkNotification({ ...good, ...part } as NotificationInput)).toThrow(message);
});

test('all faults are told at once, without a device token in the message', () => {
  const check = () => checkNotification({ message: '', deviceTokens: ['secret!'], badge: 1.5 });
  expect(check).toThrow(InvalidNotificationError);
  try {
    check();
  } catch (error) {
    expect((error as InvalidNotificationError).faults).toHaveLength(3);
    expect((error as Error).message).not.toContain('secret!');
  }
});

test.each<[string, object]>([
  ['with a title', { title: 'T' }],
  ['in the background', { pushType: 'background' }],
  ['with a whole payload', { payload: { aps: { alert: 'a' } } }],
])('a message may be left out %s', (_, part) => {
  expect(checkNotification({ deviceTokens: [DEVICE_TOKEN], ...part }).message).toBe('');
});

test('device tokens are normalised and stand there once; what was left out is no option', () => {
  const checked = checkNotification({
    ...good,
    deviceTokens: [DEVICE_TOKEN.toUpperCase(), `<${DEVICE_TOKEN}>`],
    title: undefined,
    sound: null,
    expiry: new Date(1_500),
  });
  expect(checked.deviceTokens).toEqual([DEVICE_TOKEN]);
  expect(checked.options).toEqual({ sound: null, expiry: 1 });
});
