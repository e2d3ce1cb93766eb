/** Workers in this process, on a real Redis and the APNs simulator: for tests of everything behind the queue. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Simulator, type SimulatorOptions, startSimulator } from '@pushfleet/apns-simulator/simulator';
import { makeSigningKey } from '@pushfleet/apns-simulator/test-client';
import type { LocalServer } from '@pushfleet/local-servers/local-server';
import { startRedis } from '@pushfleet/local-servers/start-redis';
import { type BatchJob, type BatchResult, packDeviceTokens } from '@pushfleet/shared/domain/batch-job';
import {
  type BatchProgress,
  decodeProgress,
  encodeProgress,
  mergeProgress,
  newProgress,
} from '@pushfleet/shared/domain/batch-progress';
import { encodeRecipients } from '@pushfleet/shared/domain/recipient-list';
import { createLog } from '@pushfleet/shared/platform/log';
import { restoreBreakers } from '@pushfleet/shared/queue/breaker';
import { takeConnectPermit } from '@pushfleet/shared/queue/connect-permit';
import type { ControlCopy } from '@pushfleet/shared/queue/control-copy';
import { addBatches, openQueue } from '@pushfleet/shared/queue/lane-queue';
import { connectRedis, type RedisClient } from '@pushfleet/shared/queue/redis-connection';
import type { Queue } from 'bullmq';
import { credentialDigest } from '../../apps/worker/src/apns/credential.ts';
import { openGovernor } from '../../apps/worker/src/open-governor.ts';
import { type RunningWorker, startWorker } from '../../apps/worker/src/worker.ts';
import { loadWorkerConfig, readCredential } from '../../apps/worker/src/worker-config.ts';

export const APP = 'test';
export const TOPIC = 'com.example.app';
const FLEET = 'fleet001';

export interface FleetOptions {
  readonly workers?: number;
  readonly simulator?: SimulatorOptions;
  readonly control?: Partial<ControlCopy> | null;
  readonly maxAttempts?: number;
  readonly retryDelaysMs?: readonly number[];
  /** Default 10 s. */
  readonly requestTimeoutMs?: number;
  /** How long lanes may stand still before they count as stuck. Default a minute. */
  readonly stuckAfterMs?: number;
  /** A Redis of its own, for tests that hurt it. */
  readonly ownRedis?: boolean;
}

export interface BatchOptions {
  readonly deviceTokens: readonly string[];
  readonly lane?: 'urgent' | 'bulk';
  readonly deadlineInMs?: number;
  readonly more?: Partial<BatchJob>;
}

export interface WorkerFleet {
  readonly apns: Simulator;
  readonly redis: RedisClient;
  readonly redisUrl: string;
  /** The Redis that this fleet started, if it did. */
  readonly redisServer: LocalServer | undefined;
  /** Kills Redis, and starts it again on its data after so long. */
  restartRedis(downMs: number): Promise<void>;
  readonly prefix: string;
  readonly queues: { readonly urgent: Queue<BatchJob>; readonly bulk: Queue<BatchJob> };
  readonly workers: RunningWorker[];
  /** The settings that a worker process of this fleet needs. */
  readonly environment: Record<string, string>;
  /** `apnsUrl`: another address than the simulator's. */
  startWorker(apnsUrl?: string, policy?: { readonly maxAttempts: number }): RunningWorker;
  setControl(change: Partial<ControlCopy> | null): Promise<void>;
  add(batch: BatchOptions): Promise<BatchJob>;
  /** Jobs of a lane by state; `all` of them. */
  counts(lane: 'urgent' | 'bulk'): Promise<LaneCounts>;
  /** All that was published of a batch, merged; null before anything was. */
  told(batch: BatchJob): Promise<{ progress: BatchProgress; ended: boolean; results: BatchResult[] } | null>;
  close(): Promise<void>;
}

export interface LaneCounts {
  readonly active: number;
  readonly waiting: number;
  readonly delayed: number;
  readonly failed: number;
  readonly all: number;
}

let count = 0;

/** Device tokens that differ in their first four digits, for the simulator's script. */
export function deviceTokens(howMany: number, prefix = 'a'): string[] {
  return Array.from({ length: howMany }, (_, i) => {
    const head = `${prefix}${i.toString(16).padStart(7, '0')}`;
    return head.padEnd(64, '0');
  });
}

export async function startWorkerFleet(options: FleetOptions = {}): Promise<WorkerFleet> {
  const directory = mkdtempSync(join(tmpdir(), 'pushfleet-worker-'));
  const given = options.ownRedis ? undefined : process.env.PUSHFLEET_TEST_REDIS_URL;
  let server = given === undefined ? await startRedis({ dir: join(directory, 'redis') }) : undefined;
  const redisUrl = given ?? server!.url;
  const prefix = `w${process.pid}-${Date.now().toString(36)}-${++count}`;
  const key = makeSigningKey();
  const apns = await startSimulator({ publicKeyPem: key.publicKeyPem, ...options.simulator });
  const caFile = join(directory, 'ca.pem');
  writeFileSync(caFile, apns.caPem);
  const environment = {
    PUSHFLEET_REDIS_URL: redisUrl,
    PUSHFLEET_REDIS_PREFIX: prefix,
    PUSHFLEET_APP: APP,
    PUSHFLEET_APNS_ENVIRONMENT: 'production',
    PUSHFLEET_APNS_URL: apns.url,
    PUSHFLEET_APNS_CA_FILE: caFile,
    PUSHFLEET_APNS_KEY: key.privateKeyPem,
    PUSHFLEET_APNS_KEY_ID: 'KEYID12345',
    PUSHFLEET_APNS_TEAM_ID: 'TEAMID1234',
    PUSHFLEET_APNS_TOPIC: TOPIC,
    PUSHFLEET_LOG_LEVEL: process.env.TEST_LOG ?? 'silent',
    PUSHFLEET_LOG_FORMAT: 'json',
  };
  const config = loadWorkerConfig(environment);
  const log = createLog('worker', { level: environment.PUSHFLEET_LOG_LEVEL, format: 'json' });
  const clients: RedisClient[] = [];
  const connect = (use: 'adding' | 'working') => {
    const client = connectRedis({ target: config.PUSHFLEET_REDIS_URL, log }, use);
    clients.push(client);
    return client;
  };
  const redis = connect('working');
  await redis.ping();
  const queues = {
    urgent: openQueue<BatchJob>(redis, prefix, APP, 'urgent'),
    bulk: openQueue<BatchJob>(redis, prefix, APP, 'bulk'),
  };
  const results = openQueue<BatchResult>(redis, prefix, APP, 'results');
  // BullMQ prints errors that nobody listens to; tests that stop Redis expect them.
  for (const queue of [queues.urgent, queues.bulk, results]) queue.on('error', () => {});
  const workers: RunningWorker[] = [];
  let control: ControlCopy = {
    fleet: FLEET,
    epoch: 1,
    phase: 'ok',
    paused: false,
    ratePerSecond: null,
    topic: TOPIC,
    environment: 'production',
    cancelled: [],
  };
  let dispatch = 1_000 * count;

  const fleet: WorkerFleet = {
    apns,
    redis,
    redisUrl,
    get redisServer() {
      return server;
    },
    async restartRedis(downMs) {
      const { port } = server!;
      await server!.kill('SIGKILL');
      await sleep(downMs);
      server = await startRedis({ dir: join(directory, 'redis'), port });
    },
    prefix,
    queues,
    workers,
    environment,
    startWorker(apnsUrl, policy) {
      const adding = connect('adding');
      const config = loadWorkerConfig({
        ...environment,
        ...(apnsUrl !== undefined && { PUSHFLEET_APNS_URL: apnsUrl }),
      });
      const governor = openGovernor(
        config,
        readCredential(config),
        () => takeConnectPermit(adding, prefix, APP),
        log,
        { requestTimeoutMs: options.requestTimeoutMs },
      );
      governor.start();
      const worker = startWorker({
        identity: { app: APP, topic: TOPIC, environment: 'production' },
        credential: credentialDigest(readCredential(config), 'production'),
        redis: { working: connect('working'), adding },
        prefix,
        governor,
        maxInFlight: config.PUSHFLEET_MAX_IN_FLIGHT,
        policy: {
          maxAttempts: policy?.maxAttempts ?? options.maxAttempts ?? 8,
          delaysMs: options.retryDelaysMs ?? [1_000, 5_000, 30_000],
        },
        stuckAfterMs: options.stuckAfterMs,
        observer: { batchStarted() {}, answered() {}, settled() {}, resentUnanswered() {}, refused() {} },
        log,
      });
      workers.push(worker);
      return worker;
    },
    async setControl(change) {
      if (change === null) {
        await redis.del(`{${prefix}-${APP}}:control`);
        return;
      }
      control = { ...control, ...change };
      await redis.set(`{${prefix}-${APP}}:control`, JSON.stringify(control));
    },
    async add({ deviceTokens: tokens, lane = 'bulk', deadlineInMs = 3_600_000, more }) {
      const job: BatchJob = {
        v: 1,
        fleet: FLEET,
        dispatch: ++dispatch,
        seq: 1,
        generation: 0,
        nonce: 'abcd',
        notificationId: String(dispatch),
        batches: 1,
        app: APP,
        lane,
        topic: TOPIC,
        environment: 'production',
        pushType: 'alert',
        priority: 10,
        expiration: null,
        collapseId: `d-${dispatch}`,
        payload: '{"aps":{"alert":"hello"}}',
        dueAt: Date.now(),
        deadline: Date.now() + deadlineInMs,
        size: tokens.length,
        tokens: packDeviceTokens(tokens),
        ids: encodeRecipients(
          'integer',
          tokens.map((_, i) => String(i + 1)),
        ).toString('base64'),
        progress: encodeProgress(newProgress(tokens.length)),
        ...more,
      };
      await addBatches(queues[lane], [job]);
      return job;
    },
    async counts(lane) {
      const { active = 0, waiting = 0, delayed = 0, failed = 0 } = await queues[lane].getJobCounts();
      return { active, waiting, delayed, failed, all: active + waiting + delayed + failed };
    },
    async told(batch) {
      const jobs = await results.getJobs(['waiting'], 0, -1, true);
      const own = jobs
        .map((job) => job.data)
        .filter((data) => data.dispatch === batch.dispatch && data.seq === batch.seq);
      if (own.length === 0) return null;
      const progress = own.map((one) => decodeProgress(one.progress)).reduce(mergeProgress);
      return { progress, ended: own.some((one) => one.ended), results: own };
    },
    async close() {
      await Promise.all(workers.map((worker) => worker.stop(5_000)));
      await Promise.all([queues.urgent.close(), queues.bulk.close(), results.close()]);
      if (given !== undefined) {
        const keys = await redis.keys(`*${prefix}*`);
        if (keys.length > 0) await redis.del(...keys);
      }
      for (const client of clients) client.disconnect();
      await apns.close();
      await server?.stop();
      rmSync(directory, { recursive: true, force: true });
    },
  };
  await restoreBreakers(redis, prefix, APP, new Map());
  if (options.control !== null) await fleet.setControl(options.control ?? {});
  for (let i = 0; i < (options.workers ?? 1); i++) fleet.startWorker();
  return fleet;
}

/** Looks again and again until it is so; fails after the milliseconds with what was seen last. */
export async function until<T>(
  look: () => Promise<T> | T,
  isSo: (seen: T) => boolean,
  ms = 60_000,
): Promise<T> {
  const deadline = performance.now() + ms;
  for (;;) {
    const seen = await look();
    if (isSo(seen)) return seen;
    if (performance.now() > deadline)
      throw new Error(`not so after ${ms} ms: ${JSON.stringify(seen)?.slice(0, 500)}`);
    await sleep(20);
  }
}
