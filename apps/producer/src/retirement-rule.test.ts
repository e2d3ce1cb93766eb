import { expect, test } from '@jest/globals';
import { deviceTokenDigest } from '@pushfleet/shared/domain/device-token';
import { decideRetirement } from './retirement-rule.ts';

const deviceToken = 'ab'.repeat(32);
const digest = deviceTokenDigest(deviceToken);
const retirement = { id: 1, tokenId: '7', digest, apnsTimestamp: '2026-05-01 12:00:00.000' };
const row = { tokenId: '7', deviceToken: deviceToken.toUpperCase(), active: true, registeredAt: null };

test.each([
  ['dead, nothing else known', {}, [], 'applied'],
  ['registered before it was found dead', { registeredAt: '2026-05-01 13:59:58' }, [], 'applied'],
  ['registered again after it was found dead', { registeredAt: '2026-05-01 14:00:01' }, [], 'kept'],
  ['registered in the second that the column cut off', { registeredAt: '2026-05-01 14:00:00' }, [], 'kept'],
  ['another device token stands in the row now', { deviceToken: 'cd'.repeat(32) }, [], 'kept'],
  ['switched off already', { active: false }, [], 'kept'],
  [
    'brought back after it was found dead',
    {},
    [{ tokenId: '7', digest, at: '2026-05-01 12:00:01.000' }],
    'kept',
  ],
  ['brought back long before', {}, [{ tokenId: '7', digest, at: '2026-04-01 12:00:01.000' }], 'applied'],
])('%s', (_, changes, earlier, state) => {
  expect(decideRetirement(retirement, { ...row, ...changes }, earlier, 'Europe/Berlin').state).toBe(state);
});

test('a registration in the hour that comes twice counts as the later one', () => {
  const found = { ...retirement, apnsTimestamp: '2026-10-25 01:00:00.000' };
  const registered = { ...row, registeredAt: '2026-10-25 02:30:00' };
  expect(decideRetirement(found, registered, [], 'Europe/Berlin').state).toBe('kept');
});

test('without a timestamp of APNs the answer itself is the proof', () => {
  expect(decideRetirement({ ...retirement, apnsTimestamp: null }, row, [], 'UTC').state).toBe('applied');
});
