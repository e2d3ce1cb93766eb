import { expect, test } from '@jest/globals';
import { DeviceTokenSet, RepeatFinder } from './device-token-set.ts';

const deviceToken = (i: number) => i.toString(16).padStart(64, '0');

test('a device token is taken once, and neighbours do not hide each other', () => {
  const set = new DeviceTokenSet();
  const refused: number[] = [];
  for (let i = 0; i < 300_000; i++) if (!set.add(deviceToken(i))) refused.push(i);
  for (let i = 0; i < 300_000; i += 7) if (set.add(deviceToken(i))) refused.push(i);
  expect(refused).toEqual([]);
  expect(set.size).toBe(300_000);
  expect(set.has(deviceToken(5))).toBe(true);
  expect(set.has(deviceToken(300_001))).toBe(false);
});

test('an emptied set takes everything again', () => {
  const set = new DeviceTokenSet();
  set.add(deviceToken(1));
  set.clear();
  expect(set.add(deviceToken(1))).toBe(true);
});

test('a repeat is always found, and a false alarm is rare', () => {
  const finder = new RepeatFinder();
  let alarms = 0;
  for (let i = 0; i < 500_000; i++) if (finder.seenBefore(deviceToken(i))) alarms++;
  expect(alarms).toBeLessThan(50);
  let missed = 0;
  for (let i = 0; i < 500_000; i += 11) if (!finder.seenBefore(deviceToken(i))) missed++;
  expect(missed).toBe(0);
});
