import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { findFreePort } from '@pushfleet/local-servers/free-port';
import { insertNotifications, insertTokens } from '../harness/backend-rows.ts';
import { deviceToken, type Fleet, startFleet } from '../harness/fleet.ts';
import { startProcess } from '../harness/fleet-process.ts';
import { startOtlpReceiver } from '../harness/otlp-receiver.ts';
import { within } from '../harness/time-limit.ts';
import { untilTrue } from '../harness/wait.ts';

let fleet: Fleet;
let directory: string;

beforeAll(async () => {
  fleet = await startFleet();
  directory = mkdtempSync(join(tmpdir(), 'pushfleet-loaded-'));
  await insertTokens(fleet.database, [{ id: 1, deviceToken: deviceToken(1) }]);
}, 60_000);
afterAll(async () => {
  await fleet?.stop();
  rmSync(directory, { recursive: true, force: true });
}, 60_000);

test('nothing of OpenTelemetry is loaded until an OTEL_* name asks for traces', async () => {
  const off = { OTEL_SDK_DISABLED: 'true', OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:1' };
  const loaded = await Promise.all([
    loadedBy('producer', 'producer.started', {}),
    loadedBy('worker', 'worker.started', {}),
    loadedBy('board', 'board.ready', { PUSHFLEET_BOARD_PORT: String(await findFreePort()) }),
    loadedBy('worker', 'worker.started', off),
  ]);
  // prom-client loads the interface, which does nothing by itself.
  for (const packages of loaded) expect(packages.filter((name) => name !== 'api')).toEqual([]);

  const on = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:1' };
  for (const name of ['producer', 'worker'] as const)
    expect(await loadedBy(name, `${name}.started`, on)).toContain('sdk-trace-base');
}, 120_000);

test('a producer dies in the middle: the one after it goes on in the same trace', async () => {
  const collector = await startOtlpReceiver();
  const environment = {
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
    OTEL_BSP_SCHEDULE_DELAY: '50',
  };
  try {
    const first = await fleet.startProducer(environment);
    await insertNotifications(fleet.database, [{ id: 10, tokenIds: [1] }]);
    const named = (name: string) => collector.spans().filter((span) => span.name === name);
    await untilTrue(
      () => named('send urgent').length,
      (spans) => spans === 1,
    );
    first.kill('SIGKILL');
    await first.exited;
    const others = [await fleet.startProducer(environment), await fleet.startWorker(environment)];
    await fleet.ended([10]);
    for (const other of others) expect(await other.stop()).toBe(0);

    const spans = collector.spans();
    expect(spans.map(({ name }) => name).sort()).toEqual(
      ['POST', 'claim', 'plan', 'process urgent', 'record', 'send urgent', 'settle'].sort(),
    );
    expect(new Set(spans.map(({ traceId }) => traceId)).size).toBe(1);
    expect(named('settle')[0]!.instance).not.toBe(named('claim')[0]!.instance);
    for (const name of ['plan', 'send urgent', 'settle'])
      expect(named(name)[0]!.parentSpanId).toBe(named('claim')[0]!.spanId);
    for (const name of ['process urgent', 'record'])
      expect(named(name)[0]!.parentSpanId).toBe(named('send urgent')[0]!.spanId);
  } finally {
    await collector.close();
  }
}, 120_000);

test('a collector that is away delays no start, no push and no stop, and is told of once', async () => {
  const environment = { OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${await findFreePort()}` };
  await pushedAndStopped(
    20,
    { ...environment, OTEL_BSP_SCHEDULE_DELAY: '50', OTEL_EXPORTER_OTLP_TIMEOUT: '300' },
    1,
  );
}, 120_000);

test('nor does one that takes everything and never answers', async () => {
  const requests: string[] = [];
  const deaf = createServer((request) => {
    requests.push(`${request.url} ${request.headers['content-type']}`);
    request.resume();
  });
  await new Promise<void>((resolve) => deaf.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(deaf.address() as AddressInfo).port}`;
  try {
    await pushedAndStopped(30, { OTEL_EXPORTER_OTLP_ENDPOINT: url, OTEL_BSP_SCHEDULE_DELAY: '50' }, 0);
    expect(requests[0]).toBe('/v1/traces application/x-protobuf');
  } finally {
    deaf.close();
    deaf.closeAllConnections();
  }
}, 120_000);

/** A push through producer and worker, and both stopped: with how many warnings of lost traces each. */
async function pushedAndStopped(id: number, environment: Record<string, string>, warnings: number) {
  const startedAt = performance.now();
  const processes = await Promise.all([fleet.startProducer(environment), fleet.startWorker(environment)]);
  expect(performance.now() - startedAt).toBeLessThan(within(8_000));
  const insertedAt = performance.now();
  await insertNotifications(fleet.database, [{ id, tokenIds: [1] }]);
  await fleet.ended([id]);
  expect(performance.now() - insertedAt).toBeLessThan(within(2_000));
  const told = () => processes.map((one) => one.output().split('"traces.lost"').length - 1);
  await untilTrue(told, (now) => now.every((times) => times === warnings));
  // More is lost after that, and nobody hears of it.
  await insertNotifications(fleet.database, [{ id: id + 1, tokenIds: [1] }]);
  await fleet.ended([id + 1]);
  const stoppedAt = performance.now();
  expect(await Promise.all(processes.map((one) => one.stop()))).toEqual([0, 0]);
  expect(performance.now() - stoppedAt).toBeLessThan(within(4_000));
  expect(told()).toEqual([warnings, warnings]);
}

/** Starts a process, stops it when it is ready, and says which packages of OpenTelemetry it has loaded. */
async function loadedBy(name: string, ready: string, environment: Record<string, string>): Promise<string[]> {
  const coverage = mkdtempSync(join(directory, 'v8-'));
  const started = startProcess([name], { ...fleet.environment, ...environment, NODE_V8_COVERAGE: coverage });
  await started.printed(`"${ready}"`, within(20_000));
  expect(await started.stop()).toBe(0);
  const scripts = readdirSync(coverage).flatMap(
    (file) => (JSON.parse(readFileSync(join(coverage, file), 'utf8')) as Coverage).result,
  );
  // The check sees what is loaded, with `import` and with `require`.
  expect(scripts.some(({ url }) => url.includes('/node_modules/pino/'))).toBe(true);
  return [
    ...new Set(scripts.flatMap(({ url }) => /node_modules\/@opentelemetry\/([^/]+)/.exec(url)?.[1] ?? [])),
  ];
}

interface Coverage {
  readonly result: readonly { readonly url: string }[];
}
