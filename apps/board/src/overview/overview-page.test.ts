import { expect, test } from '@jest/globals';
import type { FleetView } from './fleet-view.ts';
import { overviewParts } from './overview-page.ts';

const SHOP: FleetView['apps'][number] = {
  app: 'shop',
  topic: 'com.example.shop',
  environment: 'production',
  paused: false,
  pausedBy: null,
  pausedAt: null,
  stopped: [],
  ratePerSecond: null,
  rateFrom: 'settings',
  heldNotifications: 0,
};
const SENDING: FleetView['running'][number] = {
  notificationId: '42',
  app: 'shop',
  state: 'sending',
  recipients: 2_000,
  accepted: 500,
  rejected: 0,
  retired: 100,
  expired: 0,
  cancelled: 0,
  failed: 0,
  pending: 1_400,
  resentWithoutAnswer: 0,
  dueAt: '2026-01-01T00:00:00.000Z',
  firstAcceptedAt: '2026-01-01T00:00:00.300Z',
  finishedAt: null,
  reasons: { Unregistered: 100 },
  error: null,
};
const EMPTY: FleetView = {
  apps: [],
  lanes: [],
  held: [],
  running: [],
  waiting: [],
  ended: [],
  workers: [],
  retired: [],
  log: [],
  pace: [],
};
const WRITABLE = { base: '/ops', writable: true };

/** The words of the page, without markup. */
function words(view: Partial<FleetView>, frame = WRITABLE): string {
  return overviewParts({ ...EMPTY, ...view }, frame)
    .markup.replace(/<[^>]*>/g, ' ')
    .replace(/\s+/g, ' ');
}

test('a new installation is told what is missing, and nothing is alarming', () => {
  expect(words({})).toContain('No app is known yet: start a producer.');
  expect(words({})).not.toContain('Does not send');
});

test('a running notification: settled, outcomes without zeros, latency, reasons, and where to look', () => {
  const { markup } = overviewParts({ ...EMPTY, apps: [SHOP], running: [SENDING] }, WRITABLE);
  expect(markup).toContain('<progress max="2000" value="600"');
  expect(markup).toContain('href="/ops/notifications/42"');
  expect(markup).toContain('href="/ops/confirm/cancel?about=42"');
  const text = words({ running: [SENDING] });
  expect(text).toContain('30 % of 2,000 500 accepted 100 retired 1,400 pending');
  expect(text).toContain('after 0.3 s Unregistered 100');
  expect(text).toContain('Outcomes by reason reason recipients in notifications Unregistered 100 42');
});

test('what does not send says since when, by whom and why, with what ends it', () => {
  const paused = { ...SHOP, paused: true, pausedBy: 'cli: eve', pausedAt: '2026-01-01T10:00:00.000Z' };
  const stopped = {
    ...SHOP,
    app: 'news',
    stopped: [
      { since: '2026-01-01T11:00:00.000Z', reason: 'InvalidProviderToken', credential: 'abc', topic: null },
    ],
  };
  const held = {
    notificationId: '7',
    app: 'news',
    heldAt: '2026-01-01T12:00:00.000Z',
    reason: '9 of 10 refused',
  };
  const text = words({ apps: [paused, stopped], held: [held] });
  expect(text).toContain('shop is paused by cli: eve since 2026-01-01 10:00:00 UTC . Resume');
  expect(text).toMatch(
    /news is stopped by its breaker since 2026-01-01 11:00:00 UTC : APNs answers InvalidProviderToken to the credential abc\..*Resume/,
  );
  expect(text).toMatch(
    /Notification 7 of news is held by the brake since 2026-01-01 12:00:00 UTC : 9 of 10 refused\. Release Cancel it/,
  );
});

test('the backlog of each app stands beside it, and the sum of all on top', () => {
  const lane = { app: 'shop', lane: 'bulk', state: 'planned', unsettled: 4_000, notNow: 0 } as const;
  const lanes = [
    lane,
    { ...lane, state: 'queued', unsettled: 500 } as const,
    { ...lane, app: 'news', lane: 'urgent', unsettled: 3, notNow: 2 },
  ];
  const text = words({ apps: [SHOP, { ...SHOP, app: 'news' }], lanes });
  expect(text).toContain('Urgent backlog 3');
  expect(text).toContain('Bulk backlog 4,500 2 of both lanes later or held');
  expect(text).toMatch(
    /shop com\.example\.shop, production sends as set 0 4,500 Pause news .* sends as set 3 0 Pause/,
  );
});

test('a board that only reads has no button and no way to a question', () => {
  const view = { ...EMPTY, apps: [{ ...SHOP, paused: true }], running: [SENDING] };
  const { markup } = overviewParts(view, { ...WRITABLE, writable: false });
  expect(markup).not.toMatch(/<button|confirm/);
});

test('what others wrote is text', () => {
  const hostile = '<img src=x onerror=alert(1)>';
  const view = {
    ...EMPTY,
    apps: [{ ...SHOP, app: hostile, topic: hostile, paused: true, pausedBy: hostile }],
    running: [{ ...SENDING, notificationId: hostile, error: hostile, reasons: { [hostile]: 1 } }],
    log: [
      {
        id: 1,
        verb: hostile,
        about: hostile,
        by: hostile,
        at: '2026-01-01T00:00:00Z',
        succeeded: false,
        result: hostile,
      },
    ],
  };
  expect(overviewParts(view, WRITABLE).markup).not.toContain('<img');
});

test('without Redis the workers are unknown, and all the rest is shown', () => {
  const said = words({ workers: null, running: [SENDING] });
  expect(said).toContain('Unknown: Redis does not answer the board.');
  expect(said).toContain('Pushes per second – unknown');
  expect(said).toContain('30 % of 2,000');
});
