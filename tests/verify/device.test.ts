import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { readDeviceHistory } from '@pushfleet/shared/store/device-history';
import { findDeviceRows } from '@pushfleet/shared/store/device-outcome';
import { insertTokens } from '../harness/backend-rows.ts';
import { type CommandLine, openCommandLine } from '../harness/command-line.ts';
import { insertFinishedBatches } from '../harness/finished-batches.ts';
import { deviceTokenOf } from '../harness/planned-notification.ts';
import { report } from '../harness/report.ts';

let cli: CommandLine;

beforeAll(async () => {
  cli = await openCommandLine();
}, 30_000);
afterAll(() => cli?.close());

// In order: ranges that do not overlap. Over each other: every batch's range covers the device.
test.each([
  ['batches in order', { dispatches: 100, batchesEach: 100, size: 500, stride: 1 }, 100],
  ['batches over each other', { dispatches: 100, batchesEach: 100, size: 500, stride: 100 }, 100],
])(
  'the device lookup answers in under 200 ms with 10,000 finished batches: %s',
  async (name, shape, expected) => {
    await cli.clear();
    await insertTokens(cli.database, [{ id: 25_250, deviceToken: deviceTokenOf(25_250) }]);
    await insertFinishedBatches(cli.database, shape);
    const times: number[] = [];
    for (let run = 0; run < 5; run++) {
      const startedAt = performance.now();
      const rows = await findDeviceRows(cli.store, deviceTokenOf(25_250));
      const found = await readDeviceHistory(cli.store, deviceTokenOf(25_250), rows, Date.now() - 86_400_000);
      times.push(performance.now() - startedAt);
      expect(found).toHaveLength(expected);
    }
    report(`device, 10,000 finished ${name}`, {
      'five lookups, ms': times.map((ms) => ms.toFixed(0)).join(', '),
    });
    expect(Math.min(...times)).toBeLessThan(200);
  },
  120_000,
);
