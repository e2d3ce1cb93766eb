import { expect, test } from '@jest/globals';
import { bloomBits, DeviceTokenSet, RepeatFinder } from './device-token-set.ts';

const deviceToken = (i: number) => i.toString(16).padStart(64, '0');

test('a device token is taken once, and neighbours do not hide each other', () => {
  const set = new DeviceTokenSet(30_000);
  const refused: number[] = [];
  for (let i = 0; i < 30_000; i++) if (!set.add(deviceToken(i))) refused.push(i);
  for (let i = 0; i < 30_000; i += 7) if (set.add(deviceToken(i))) refused.push(i);
  expect(refused).toEqual([]);
  expect(set.size).toBe(30_000);
});

test('of the candidates each is taken once, and what is no candidate always may be', () => {
  const candidates = new DeviceTokenSet(2);
  candidates.add(deviceToken(1));
  candidates.add(deviceToken(2));
  expect([1, 2, 1, 2, 3, 3].map((i) => candidates.take(deviceToken(i)))).toEqual([
    true,
    true,
    false,
    false,
    true,
    true,
  ]);
});

test('more candidates than usual make the set larger', () => {
  const set = new DeviceTokenSet(1_000);
  for (let i = 0; i < 20_000; i++) set.add(deviceToken(i));
  expect(set.size).toBe(20_000);
  expect(set.take(deviceToken(19_999))).toBe(true);
  expect(set.take(deviceToken(19_999))).toBe(false);
});

test('a repeat is always found, and a false alarm is rare', () => {
  const finder = new RepeatFinder(50_000);
  let alarms = 0;
  for (let i = 0; i < 50_000; i++) if (finder.seenBefore(deviceToken(i))) alarms++;
  expect(alarms).toBeLessThan(5);
  let missed = 0;
  for (let i = 0; i < 50_000; i += 11) if (!finder.seenBefore(deviceToken(i))) missed++;
  expect(missed).toBe(0);
});

test.each([
  [10_000_000, 8],
  [20_000_000, 16],
  [100_000_000, 128],
])('the filter for %i device tokens has %i MB', (deviceTokens, megabytes) => {
  expect(bloomBits(deviceTokens) / 8 / 2 ** 20).toBe(megabytes);
});
