import { expect, test } from '@jest/globals';
import { normalizeDeviceToken } from '@pushfleet/shared/domain/device-token';
import { SAMPLE_GROUPS, SAMPLE_SIZE, sampleRows } from './sample-devices.ts';

const rows = sampleRows();

test('10,000 rows, the same each time, all of them device tokens', () => {
  expect(rows).toHaveLength(SAMPLE_SIZE);
  expect(sampleRows()).toEqual(rows);
  expect(rows.every(({ deviceToken }) => normalizeDeviceToken(deviceToken) !== null)).toBe(true);
});

test('some are inactive, some the same device in another spelling', () => {
  expect(rows.filter(({ active }) => !active)).toHaveLength(500);
  expect(new Set(rows.map(({ deviceToken }) => normalizeDeviceToken(deviceToken))).size).toBe(9_800);
  expect(new Set(rows.map(({ deviceToken }) => deviceToken)).size).toBe(SAMPLE_SIZE);
});

test('the simulator has something to refuse', () => {
  const active = rows.filter((row) => row.active);
  const count = (beginning: string) =>
    active.filter(({ deviceToken }) => deviceToken.startsWith(beginning)).length;
  expect(count('410')).toBeGreaterThanOrEqual(40);
  expect(count('429')).toBeGreaterThanOrEqual(20);
  expect(count('bad0')).toBeGreaterThanOrEqual(10);
});

test('four groups overlap', () => {
  const sizes = SAMPLE_GROUPS.map((group) => rows.filter(({ id }) => group.has(id)).length);
  expect(sizes).toEqual([10_000, 6_000, 1_000, 250]);
});
