import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { DueRowClaimer } from '@pushfleet/app-producer/claim-due-rows';
import { loadProducerConfig } from '@pushfleet/app-producer/producer-config';
import type { ProducerContext } from '@pushfleet/app-producer/producer-context';
import { RightOfWay } from '@pushfleet/app-producer/right-of-way';
import { plainApp } from '@pushfleet/shared/domain/apps';
import { NO_TRACING } from '@pushfleet/shared/platform/tracing';
import { type OpenStore, openStore } from '@pushfleet/shared/store/open-store';
import { pino } from 'pino';
import { insertNotifications, range } from '../harness/backend-rows.ts';
import { type Fleet, startFleet } from '../harness/fleet.ts';

// The claimer over a real database, on nights that are not tonight: only its clock is the test's.
let fleet: Fleet;
const stores: OpenStore[] = [];

beforeAll(async () => {
  fleet = await startFleet();
});
afterAll(async () => {
  await Promise.all(stores.map((store) => store.close()));
  await fleet?.stop();
}, 180_000);

async function claimerAt(settings: Record<string, string>, now: () => number): Promise<DueRowClaimer> {
  const config = loadProducerConfig({ ...fleet.environment, ...settings });
  const store = await openStore(config);
  stores.push(store);
  const rules = {
    apps: [plainApp('default', 'com.example.app', 'sandbox')],
    defaultApp: 'default',
    zone: config.PUSHFLEET_TIMEZONE,
    expiryIsDateTime: false,
  };
  const context = {
    rightOfWay: new RightOfWay(),
    config,
    store,
    rules,
    owner: 'test',
    tracing: NO_TRACING,
    log: pino({ level: 'silent' }),
  } as unknown as ProducerContext;
  return new DueRowClaimer(context, () => {}, now);
}

/** Looks once a minute, as the rows see it, and tells at which minute each row was claimed. */
async function claimMinutes(
  settings: Record<string, string>,
  from: string,
  minutes: number,
  walls: Record<number, string>,
) {
  await fleet.database.query('DELETE FROM pushfleet_dispatch');
  await fleet.database.query('DELETE FROM notification');
  await insertNotifications(
    fleet.database,
    Object.entries(walls).map(([id, due]) => ({ id: Number(id), due })),
  );
  let now = Date.parse(from);
  const claimer = await claimerAt(settings, () => now);
  const claimedAt: Record<number, string> = {};
  for (const minute of range(0, minutes)) {
    now = Date.parse(from) + minute * 60_000;
    await claimer.look();
    const rows = await fleet.database.query<{ id: number }>(
      'SELECT notification_id AS id FROM pushfleet_dispatch',
    );
    for (const { id } of rows) claimedAt[id] ??= new Date(now).toISOString().slice(11, 16);
  }
  return claimedAt;
}

test('F24: the night the clocks go back in Berlin: what was due in the first pass is sent in the first pass', async () => {
  const claimed = await claimMinutes({ PUSHFLEET_TIMEZONE: 'Europe/Berlin' }, '2026-10-24T23:50:00Z', 150, {
    1: '2026-10-25 01:59:00',
    2: '2026-10-25 02:00:00',
    3: '2026-10-25 02:59:58',
    4: '2026-10-25 03:00:00',
    5: '2026-10-25 03:15:00',
  });
  expect(claimed).toEqual({ 1: '23:59', 2: '00:00', 3: '01:00', 4: '02:00', 5: '02:15' });
}, 180_000);

test('F24: the night the clocks go forward in Berlin: a time that never comes is sent when the clocks jump over it', async () => {
  const claimed = await claimMinutes({ PUSHFLEET_TIMEZONE: 'Europe/Berlin' }, '2026-03-29T00:50:00Z', 30, {
    1: '2026-03-29 01:59:00',
    2: '2026-03-29 02:30:00',
    3: '2026-03-29 03:00:00',
    4: '2026-03-29 03:10:00',
  });
  expect(claimed).toEqual({ 1: '00:59', 2: '01:00', 3: '01:00', 4: '01:10' });
}, 180_000);

test('F24: Tokyo, and the old rule of today: a row of 23:59:59 is not lost at midnight, one of yesterday noon is', async () => {
  const settings = { PUSHFLEET_TIMEZONE: 'Asia/Tokyo', PUSHFLEET_MAX_AGE: 'today' };
  const claimed = await claimMinutes(settings, '2026-05-01T14:55:00Z', 10, {
    1: '2026-05-01 23:59:59',
    2: '2026-05-02 00:01:00',
    3: '2026-05-01 00:00:30',
    4: '2026-04-30 12:00:00',
  });
  expect(claimed).toEqual({ 1: '15:00', 2: '15:01', 3: '14:55' });
}, 180_000);
