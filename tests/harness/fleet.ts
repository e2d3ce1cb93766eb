import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Simulator, type SimulatorOptions, startSimulator } from '@pushfleet/apns-simulator/simulator';
import { makeSigningKey } from '@pushfleet/apns-simulator/test-client';
import { type Config, loadConfig } from '@pushfleet/shared/platform/config';
import { toolSettings } from '@pushfleet/shared/platform/process-settings';
import { migrate } from '@pushfleet/shared/store/migrations';
import { type OpenStore, openStore } from '@pushfleet/shared/store/open-store';
import { readStatus } from '@pushfleet/shared/store/status';
import { type FleetProcess, runCommand, startProcess } from './fleet-process.ts';
import { createTestDatabase, type TestDatabase } from './test-database.ts';
import { untilTrue } from './wait.ts';

export interface StatusDocument {
  readonly notificationId: string;
  readonly state: string;
  readonly recipients: number;
  readonly accepted: number;
  readonly rejected: number;
  readonly retired: number;
  readonly expired: number;
  readonly cancelled: number;
  readonly failed: number;
  readonly pending: number;
  readonly resentWithoutAnswer: number;
  readonly reasons: Record<string, number>;
  readonly error: string | null;
}

/** A whole Pushfleet on servers of the test run: a database and a Redis prefix of its own, and a simulator. */
export interface Fleet {
  readonly database: TestDatabase;
  readonly simulator: Simulator;
  readonly environment: Record<string, string>;
  readonly redisPrefix: string;
  startProducer(environment?: Record<string, string>): Promise<FleetProcess>;
  startWorker(environment?: Record<string, string>): Promise<FleetProcess>;
  /** Runs a command of the CLI. */
  run(args: readonly string[], environment?: Record<string, string>): ReturnType<typeof runCommand>;
  /** `pushfleet pause`, and waits until each running worker has heard of it. */
  pause(): Promise<void>;
  status(notificationId: number | string): Promise<StatusDocument>;
  /** Waits until these notifications have ended. */
  ended(notificationIds: readonly (number | string)[], timeoutMs?: number): Promise<void>;
  stop(): Promise<void>;
}

export async function startFleet(
  options: {
    readonly simulator?: SimulatorOptions;
    readonly schema?: string;
    /** A statement that changes the backend's tables before anything looks at them. */
    readonly prepare?: string;
    readonly environment?: Record<string, string>;
  } = {},
): Promise<Fleet> {
  const redisUrl = process.env.PUSHFLEET_TEST_REDIS_URL;
  if (redisUrl === undefined)
    throw new Error('PUSHFLEET_TEST_REDIS_URL is not set; run the tests with npm test');
  const directory = mkdtempSync(join(tmpdir(), 'pushfleet-fleet-'));
  const key = makeSigningKey();
  const simulator = await startSimulator({
    topics: ['com.example.app'],
    teamId: 'TEAMID1234',
    keyId: 'KEYID12345',
    publicKeyPem: key.publicKeyPem,
    ...options.simulator,
  });
  const database = await createTestDatabase(options.schema);
  if (options.prepare !== undefined) await database.query(options.prepare);
  const redisPrefix = `t${randomBytes(4).toString('hex')}`;
  writeFileSync(join(directory, 'ca.pem'), simulator.caPem);
  writeFileSync(join(directory, 'key.p8'), key.privateKeyPem, { mode: 0o600 });
  const environment = {
    PUSHFLEET_MYSQL_URL: database.url,
    PUSHFLEET_REDIS_URL: redisUrl,
    PUSHFLEET_REDIS_PREFIX: redisPrefix,
    PUSHFLEET_APNS_TOPIC: 'com.example.app',
    PUSHFLEET_APNS_ENVIRONMENT: 'sandbox',
    PUSHFLEET_APNS_URL: simulator.url,
    PUSHFLEET_APNS_CA_FILE: join(directory, 'ca.pem'),
    PUSHFLEET_APNS_KEY_FILE: join(directory, 'key.p8'),
    PUSHFLEET_APNS_KEY_ID: 'KEYID12345',
    PUSHFLEET_APNS_TEAM_ID: 'TEAMID1234',
    PUSHFLEET_LOG_FORMAT: 'json',
    ...options.environment,
  };
  await withStore(environment, (store) => migrate(store.database, store.tables, store.backend));

  const processes: FleetProcess[] = [];
  const workers: FleetProcess[] = [];
  const start = async (name: 'producer' | 'worker', more: Record<string, string>) => {
    const started = startProcess([name], { ...environment, ...more });
    processes.push(started);
    if (name === 'worker') workers.push(started);
    await started.printed(`"${name}.started"`);
    return started;
  };
  const status = (id: number | string) =>
    withStore(environment, async (store, config) => {
      const rules = { zone: config.PUSHFLEET_TIMEZONE, maxAge: config.PUSHFLEET_MAX_AGE };
      const defaultApp = config.PUSHFLEET_APP;
      const found = await readStatus(store, String(id), { ...rules, defaultApp, now: Date.now() });
      if (found === null) throw new Error(`there is no notification ${id}`);
      return JSON.parse(JSON.stringify(found)) as StatusDocument;
    });
  return {
    database,
    simulator,
    environment,
    redisPrefix,
    startProducer: (more = {}) => start('producer', more),
    startWorker: (more = {}) => start('worker', more),
    run: (args, more = {}) => runCommand(args, { ...environment, ...more }),
    async pause() {
      const running = workers.filter(({ child }) => child.exitCode === null && child.signalCode === null);
      const heard = running.map((worker) => times(worker.output(), PAUSED));
      const { exitCode, stderr } = await runCommand(['pause'], environment);
      if (exitCode !== 0) throw new Error(`pause ended with ${exitCode}: ${stderr}`);
      await untilTrue(
        () => running.map((worker) => times(worker.output(), PAUSED)),
        (now) => now.every((count, at) => count > heard[at]!),
      );
    },
    status,
    async ended(ids, timeoutMs = 120_000) {
      const until = Date.now() + timeoutMs;
      const open = new Set(ids.map(String));
      while (open.size > 0) {
        const rows = await database.query<{ id: number }>(
          'SELECT notification_id AS id FROM pushfleet_dispatch WHERE notification_id IN (?) AND finished_at IS NOT NULL',
          [[...open]],
        );
        for (const { id } of rows) open.delete(String(id));
        if (open.size > 0 && Date.now() > until)
          throw new Error(
            `not ended in ${timeoutMs} ms: ${[...open].slice(0, 10).join(', ')}\n${processes.map((p) => p.output().slice(-3_000)).join('\n---\n')}`,
          );
        if (open.size > 0) await new Promise((resolve) => setTimeout(resolve, 50));
      }
    },
    async stop() {
      await Promise.all(processes.map((one) => one.stop()));
      await simulator.close();
      await database.drop();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** What the commands do, without a process for each. */
async function withStore<Result>(
  environment: Record<string, string>,
  work: (store: OpenStore, config: Config<(typeof toolSettings)[number]>) => Promise<Result>,
): Promise<Result> {
  const config = loadConfig(toolSettings, environment);
  const store = await openStore(config, 1);
  try {
    return await work(store, config);
  } finally {
    await store.close();
  }
}

const PAUSED = '"sending.paused"';

function times(text: string, part: string): number {
  return text.split(part).length - 1;
}

/** A device token that no other number has, spread over all first digits. */
export function deviceToken(number: number): string {
  const spread = (Math.imul(number, 2654435761) >>> 0).toString(16).padStart(8, '0');
  return spread + number.toString(16).padStart(56, '0');
}
