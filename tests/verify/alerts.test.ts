import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { makeServerCertificate } from '@pushfleet/apns-simulator/certificate';
import { findFreePort } from '@pushfleet/local-servers/free-port';
import { insertGroup, insertNotifications, insertTokens, range, utcNow } from '../harness/backend-rows.ts';
import { deviceToken, type Fleet } from '../harness/fleet.ts';
import type { FleetProcess } from '../harness/fleet-process.ts';
import { type FleetOnOwnRedis, startFleetOnOwnRedis } from '../harness/flushed-broadcast.ts';
import { inSeconds, type Prometheus, startPrometheus } from '../harness/prometheus.ts';
import { report } from '../harness/report.ts';
import { untilTrue } from '../harness/wait.ts';

const RECIPIENTS = 12_000;
/** Alerts that were seen to fire. */
const fired = new Set<string>();
const directory = mkdtempSync(join(tmpdir(), 'pushfleet-alerts-'));
let own: FleetOnOwnRedis;
let fleet: Fleet;
let prometheus: Prometheus;
let producer: FleetProcess;
let worker: FleetProcess;
let ports: readonly [number, number, number];

const startProducer = () => fleet.startProducer({ PUSHFLEET_HTTP_PORT: String(ports[0]) });
const startWorker = () => fleet.startWorker({ PUSHFLEET_HTTP_PORT: String(ports[1]) });

beforeAll(async () => {
  own = await startFleetOnOwnRedis({
    environment: {
      PUSHFLEET_RATE_PER_SECOND: '200',
      PUSHFLEET_BATCH_SIZE: '100',
      PUSHFLEET_RETRY_DELAYS: '1s',
    },
  });
  fleet = own.fleet;
  await insertTokens(
    fleet.database,
    range(1, RECIPIENTS).map((id) => ({ id, deviceToken: deviceToken(id) })),
  );
  await insertGroup(fleet.database, 1, range(1, RECIPIENTS));
  await insertGroup(fleet.database, 2, range(1, 1_000));
  ports = [await findFreePort(), await findFreePort(), await findFreePort()];
  [producer, worker] = await Promise.all([startProducer(), startWorker()]);
  prometheus = await startPrometheus({
    producer: [`127.0.0.1:${ports[0]}`],
    worker: [`127.0.0.1:${ports[1]}`, `127.0.0.1:${ports[2]}`],
  });
}, 120_000);
afterAll(async () => {
  await prometheus?.stop();
  await own?.stop();
  rmSync(directory, { recursive: true, force: true });
}, 60_000);

test.each([
  ['check', 'rules', 'pushfleet.rules.yml'],
  ['check', 'config', 'prometheus.yml'],
  ['test', 'rules', 'pushfleet.rules.test.yml'],
])('promtool %s %s %s', (...words) => {
  const cwd = new URL('../../deploy/prometheus/', import.meta.url);
  expect(execFileSync('promtool', words, { cwd, encoding: 'utf8' })).toContain('SUCCESS');
});

test('every expression of rules and dashboard has a series after a fleet was scraped for half a minute', async () => {
  // 5 of 16 first digits: refused for good, for now, and dead.
  fleet.simulator.script(
    [
      'device 0* answer 400 PayloadTooLarge',
      'device 1* answer 503 ServiceUnavailable times 1 then accept',
      'device 2* answer 410 Unregistered',
      'device 3* answer 410 Unregistered',
    ].join('\n'),
  );
  await insertNotifications(fleet.database, [{ id: 1, groupIds: [1] }]);
  await untilTrue(
    () => fleet.simulator.acceptedCount(),
    (count) => count > 3_500,
    60_000,
  );
  const expressions = [...ruleParts(), ...dashboardExpressions()];
  const empty: string[] = [];
  for (const expression of expressions)
    if ((await prometheus.series(expression)) === 0) empty.push(expression);
  report('expressions', { 'with a series': expressions.length - empty.length, without: empty.length });
  expect(empty).toEqual([]);
  expect(expressions.length).toBeGreaterThan(50);
}, 120_000);

test('an unusual share of 410 fires', () => fires('PushfleetUnusual410Share'), 60_000);

test.each([
  [29, 'PushfleetCredentialExpires30Days'],
  [3, 'PushfleetCredentialExpires7Days'],
  [0.5, 'PushfleetCredentialExpires1Day'],
])(
  'a certificate that ends in %d days fires %s; so does its worker when it is gone',
  async (days, alert) => {
    const { certificatePem, privateKeyPem } = await makeServerCertificate([], days);
    writeFileSync(join(directory, 'cert.pem'), certificatePem);
    writeFileSync(join(directory, 'key.pem'), privateKeyPem, { mode: 0o600 });
    const second = await fleet.startWorker({
      PUSHFLEET_HTTP_PORT: String(ports[2]),
      PUSHFLEET_APNS_KEY_FILE: '',
      PUSHFLEET_APNS_KEY_ID: '',
      PUSHFLEET_APNS_TEAM_ID: '',
      PUSHFLEET_APNS_CERT_FILE: join(directory, 'cert.pem'),
      PUSHFLEET_APNS_CERT_KEY_FILE: join(directory, 'key.pem'),
    });
    await fires(alert);
    await clears('PushfleetWorkerDown');
    await second.stop();
    await fires('PushfleetWorkerDown');
    await clears(alert);
  },
  60_000,
);

test('no worker: nothing is consumed, the backlog does not fall', async () => {
  await worker.stop();
  await fires('PushfleetNoWorker', 'PushfleetNoConsumption', 'PushfleetBacklogNotFalling');
  worker = await startWorker();
  await clears('PushfleetNoWorker', 'PushfleetNoConsumption', 'PushfleetBacklogNotFalling');
}, 90_000);

test('a held notification fires until an operator decides', async () => {
  await fleet.run(['cancel', '1']);
  await fleet.ended([1]);
  fleet.simulator.script('device * answer 400 BadDeviceToken');
  await insertNotifications(fleet.database, [{ id: 2, groupIds: [2] }]);
  await fires('PushfleetHeldNotification');
  await fleet.run(['cancel', '2']);
  await clears('PushfleetHeldNotification');
}, 90_000);

test('a credential that APNs refuses fires until it is accepted again', async () => {
  fleet.simulator.script('device * answer 403 InvalidProviderToken');
  await insertNotifications(fleet.database, [{ id: 3, groupIds: [2] }]);
  await fires('PushfleetBreakerOpen');
  fleet.simulator.script('device * accept');
  await fleet.run(['resume']);
  await clears('PushfleetBreakerOpen');
  await fleet.ended([3]);
}, 90_000);

test('rows that cannot be planned fire', async () => {
  await fleet.database.query('RENAME TABLE notification_token TO away');
  await insertOldRow(4);
  await fires('PushfleetOldestDueRow');
  await fleet.database.query('RENAME TABLE away TO notification_token');
  await clears('PushfleetOldestDueRow');
}, 90_000);

test('Redis: near its limit, and gone', async () => {
  const used = Number(/used_memory:(\d+)/.exec(await own.redis.info('memory'))![1]);
  await own.redis.config('SET', 'maxmemory', String(Math.round(used * 1.1)));
  await fires('PushfleetRedisNearItsLimit');
  await own.redis.config('SET', 'maxmemory', '0');
  await clears('PushfleetRedisNearItsLimit');
  await own.kill();
  await fires('PushfleetServerAway');
  await own.start();
  await clears('PushfleetServerAway');
}, 90_000);

test('no producer fires', async () => {
  await producer.stop();
  await fires('PushfleetProducerDown');
  producer = await startProducer();
  await clears('PushfleetProducerDown');
}, 90_000);

test('that were all alerts', () => {
  const all = [...rulesText().matchAll(/- alert: (\w+)/g)].map(([, name]) => name!);
  expect([...fired].sort()).toEqual(all.sort());
});

async function fires(...names: string[]): Promise<void> {
  await untilTrue(prometheus.firing, (now) => names.every((name) => now.includes(name)), 45_000);
  for (const name of names) fired.add(name);
}

async function clears(...names: string[]): Promise<void> {
  await untilTrue(prometheus.firing, (now) => names.every((name) => !now.includes(name)), 45_000);
}

function insertOldRow(id: number): Promise<unknown> {
  return fleet.database.query(
    'INSERT INTO notification (id, message, sent, notificationdate) VALUES (?, ?, 0, ?)',
    [id, 'late', utcNow(-120_000)],
  );
}

function rulesText(): string {
  return readFileSync(new URL('../../deploy/prometheus/pushfleet.rules.yml', import.meta.url), 'utf8');
}

/** The parts of each rule that are compared or combined, without their comparisons. */
function ruleParts(): string[] {
  const rules = rulesText();
  const expressions = [...inSeconds(rules).matchAll(/^ {8}expr: (?:\|\n((?: {10}.*\n)+)|(.*)\n)/gm)];
  expect(expressions).toHaveLength(rules.split('- alert:').length - 1);
  return expressions
    .flatMap(([, block, line]) => (block ?? line!).split(/\b(?:and|unless)\b(?: on \(app\))?/))
    .map((part) => part.replace(/\s(?:>=|<=|==|>|<)\s[\d.* ]+\s*$/, '').trim());
}

function dashboardExpressions(): string[] {
  const text = readFileSync(new URL('../../deploy/grafana/pushfleet.json', import.meta.url), 'utf8');
  const { panels } = JSON.parse(text) as { panels: { targets?: { expr: string }[] }[] };
  return panels.flatMap(({ targets = [] }) =>
    targets.map(({ expr }) => expr.replaceAll('$__rate_interval', '20s').replaceAll('$app', '.*')),
  );
}
