import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, test } from '@jest/globals';
import { broadcastUnderFault } from '../harness/broadcast-under-fault.ts';
import { type FleetOnOwnRedis, startFleetOnOwnRedis } from '../harness/flushed-broadcast.ts';
import { report } from '../harness/report.ts';
import { within } from '../harness/time-limit.ts';

const PER_SECOND = 1_000;
const STREAMS = 50;
/** What one worker may send while no checkpoint is acknowledged (F18), and what is in flight. */
const DUPLICATES_AT_MOST = PER_SECOND * 0.3 + 2 * STREAMS;

let own: FleetOnOwnRedis | undefined;

afterEach(async () => {
  await own?.stop();
  own = undefined;
}, 180_000);

test.each([
  { downMs: 1_500, empty: false },
  { downMs: 8_000, empty: false },
  { downMs: 1_500, empty: true },
  { downMs: 8_000, empty: true },
])(
  'F9, F18: Redis killed, $downMs ms away, restarted (empty: $empty): the fleet goes on by itself, nobody is lost',
  async ({ downMs, empty }) => {
    own = await startFleetOnOwnRedis({
      simulator: { latencyMs: 20, streamLimit: STREAMS },
      environment: { PUSHFLEET_RATE_PER_SECOND: String(PER_SECOND) },
    });
    const { status, ...seen } = await broadcastUnderFault(own.fleet, 4_000, async () => {
      await own!.kill();
      await sleep(downMs);
      await own!.start(empty);
    });
    report(`Redis away for ${downMs} ms, ${empty ? 'empty' : 'with its file'}`, seen);
    expect(status).toMatchObject({ state: 'done', recipients: 4_000, accepted: 4_000, pending: 0 });
    expect(seen.distinct).toBe(4_000);
    expect(seen.duplicates).toBeLessThanOrEqual(DUPLICATES_AT_MOST);
    expect(seen.againAfterMs).toBeLessThan(within(10_000));
    // Some lines per process and outage, not one per command.
    expect(seen.warnings).toBeLessThan(40);
  },
  90_000,
);
