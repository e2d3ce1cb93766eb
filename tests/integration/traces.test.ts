import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { insertGroup, insertNotifications, insertTokens, range } from '../harness/backend-rows.ts';
import { deviceToken, type Fleet, startFleet } from '../harness/fleet.ts';
import type { FleetProcess } from '../harness/fleet-process.ts';
import { type OtlpReceiver, type ReceivedSpan, startOtlpReceiver } from '../harness/otlp-receiver.ts';
import { SecretScan } from '../harness/secret-scan.ts';
import { within } from '../harness/time-limit.ts';
import { untilTrue } from '../harness/wait.ts';

const RECIPIENTS = 250;
let collector: OtlpReceiver;
let fleet: Fleet;
let producer: FleetProcess;
let worker: FleetProcess;

beforeAll(async () => {
  collector = await startOtlpReceiver();
  fleet = await startFleet({
    environment: {
      PUSHFLEET_BATCH_SIZE: '100',
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
      OTEL_EXPORTER_OTLP_HEADERS: 'authorization=Bearer%20collector-secret',
      OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=test',
      OTEL_BSP_SCHEDULE_DELAY: '100',
    },
  });
  await insertTokens(
    fleet.database,
    range(1, RECIPIENTS).map((id) => ({ id, deviceToken: deviceToken(id) })),
  );
  await insertGroup(fleet.database, 1, range(1, RECIPIENTS));
  [producer, worker] = await Promise.all([fleet.startProducer(), fleet.startWorker()]);
}, 180_000);
afterAll(async () => {
  await fleet?.stop();
  await collector?.close();
}, 180_000);

test('an alert is one trace over producer and worker, from the row to the answers of APNs', async () => {
  fleet.simulator.script(`device ${deviceToken(2)} answer 410 Unregistered`);
  await insertNotifications(fleet.database, [{ id: 7, message: 'the secret message', tokenIds: [1, 2] }]);
  await fleet.ended([7]);
  const spans = await spansOf(7, (seen) => isWhole(seen, 'urgent', 1));

  expect(tree(spans)).toEqual({
    claim: { plan: {}, 'send urgent': { 'process urgent': { POST: {} }, record: {} }, settle: {} },
  });
  const [claim] = spans.filter(({ name }) => name === 'claim');
  const posts = spans.filter(({ name }) => name === 'POST');
  expect(posts.map((span) => [span.attributes['http.response.status_code'], span.failed]).sort()).toEqual([
    [200, false],
    [410, true],
  ]);
  expect(attributesOf(spans, 'process urgent')).toMatchObject({
    'messaging.system': 'bullmq',
    'messaging.operation.type': 'process',
    'pushfleet.requests': 2,
    'pushfleet.outcomes.accepted': 1,
    'pushfleet.outcomes.retired': 1,
    'pushfleet.ending': 'settled',
  });
  expect(attributesOf(spans, 'settle')).toMatchObject({
    'pushfleet.state': 'done',
    'pushfleet.outcomes.accepted': 1,
    'pushfleet.outcomes.retired': 1,
  });
  const services = new Map(spans.map(({ name, service }) => [name, service]));
  expect([services.get('claim'), services.get('POST')]).toEqual(['pushfleet-producer', 'pushfleet-worker']);
  for (const span of spans) {
    expect(span.endedAt).toBeGreaterThanOrEqual(span.startedAt);
    expect(span.startedAt).toBeGreaterThan(claim!.startedAt - 1_000);
  }
  // A log line leads to the trace.
  expect(worker.output()).toContain(`"trace_id":"${claim!.traceId}"`);
});

test('a broadcast has one span for each run of a batch and none for a recipient', async () => {
  await insertNotifications(fleet.database, [{ id: 8, groupIds: [1] }]);
  await fleet.ended([8]);
  const spans = await spansOf(8, (seen) => isWhole(seen, 'bulk', 3));
  const counts = Object.fromEntries(spans.map(({ name }) => [name, count(spans, name)]));
  expect(counts).toEqual({ claim: 1, plan: 1, 'send bulk': 3, 'process bulk': 3, record: 3, settle: 1 });
  expect(attributesOf(spans, 'settle')['pushfleet.outcomes.accepted']).toBe(RECIPIENTS - 1);
  expect(attributesOf(spans, 'plan')['pushfleet.recipients']).toBe(RECIPIENTS - 1);
});

test('a push by hand and a row that cannot be sent have traces as well', async () => {
  const { exitCode } = await fleet.run([
    'send',
    '--device-token',
    deviceToken(3),
    '--alert',
    'the secret message',
  ]);
  expect(exitCode).toBe(0);
  await insertNotifications(fleet.database, [{ id: 9, options: 7 as never }]);
  const pushed = await untilTrue(
    () => collector.spans().filter((span) => /^push-/.test(notificationOf(span))),
    (seen) => isWhole(seen, 'urgent', 1),
  );
  expect(tree(pushed)).toEqual({
    push: { 'send urgent': { 'process urgent': { POST: {} }, record: {} }, settle: {} },
  });
  const [invalid] = await spansOf(9, (seen) => seen.length > 0);
  expect(invalid).toMatchObject({ name: 'claim', failed: true, parentSpanId: null });
  expect(invalid!.attributes['error.type']).toBe('invalid_row');
});

test('what the collector was sent holds no device token, no message and no secret of ours', () => {
  const scan = new SecretScan();
  for (const id of range(1, RECIPIENTS)) scan.addDeviceToken(deviceToken(id));
  scan.addText('message', 'the secret message');
  scan.addText('database URL', fleet.environment.PUSHFLEET_MYSQL_URL!);
  expect(collector.received()).toContain('Bearer collector-secret');
  expect(collector.received()).toContain('deployment.environment.name');
  expect(scan.found(collector.received())).toEqual([]);
});

test('when the collector dies pushes go on, one warning says so, and a stop does not wait for it', async () => {
  await collector.close();
  await insertNotifications(
    fleet.database,
    range(20, 29).map((id) => ({ id, tokenIds: [1] })),
  );
  await fleet.ended(range(20, 29));
  const stoppedAt = performance.now();
  expect(await Promise.all([producer.stop(), worker.stop()])).toEqual([0, 0]);
  expect(performance.now() - stoppedAt).toBeLessThan(within(6_000));
  for (const output of [producer.output(), worker.output()]) {
    expect(output.split('"traces.lost"').length - 1).toBeLessThanOrEqual(1);
    expect(output).not.toContain('collector-secret');
  }
}, 180_000);

/** All spans with this notification's id: they must be one trace. */
async function spansOf(id: number, areAll: (spans: ReceivedSpan[]) => boolean): Promise<ReceivedSpan[]> {
  const spans = await untilTrue(
    () => collector.spans().filter((span) => notificationOf(span) === String(id)),
    areAll,
  );
  const traceIds = new Set(spans.map(({ traceId }) => traceId));
  expect(traceIds.size).toBe(1);
  // None of the trace is without the id.
  expect(collector.spans().filter(({ traceId }) => traceIds.has(traceId))).toHaveLength(spans.length);
  expect(new Set(spans.map(({ spanId }) => spanId)).size).toBe(spans.length);
  return spans;
}

function notificationOf({ attributes }: ReceivedSpan): string {
  return String(attributes['pushfleet.notification.id']);
}

/** The processes export at different times: the last span of each is there. */
function isWhole(spans: readonly ReceivedSpan[], lane: string, batches: number): boolean {
  const isDone = count(spans, 'settle') === 1 && count(spans, 'record') === batches;
  return isDone && count(spans, `process ${lane}`) === batches;
}

type Tree = { [name: string]: Tree };

/** Names below names; siblings of one name are one. A parent that is not there fails. */
function tree(spans: readonly ReceivedSpan[]): Tree {
  const ids = new Set(spans.map(({ spanId }) => spanId));
  for (const { parentSpanId } of spans) expect(parentSpanId === null || ids.has(parentSpanId)).toBe(true);
  const below = (parent: string | null): Tree =>
    Object.fromEntries(
      spans
        .filter(({ parentSpanId }) => parentSpanId === parent)
        .map(({ name, spanId }) => [name, below(spanId)]),
    );
  return below(null);
}

function count(spans: readonly ReceivedSpan[], name: string): number {
  return spans.filter((span) => span.name === name).length;
}

function attributesOf(spans: readonly ReceivedSpan[], name: string): ReceivedSpan['attributes'] {
  return spans.find((span) => span.name === name)!.attributes;
}
