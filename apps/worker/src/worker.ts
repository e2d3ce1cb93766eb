import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import type { BatchResult } from '@pushfleet/shared/domain/batch-job';
import type { RetryPolicy } from '@pushfleet/shared/domain/retry-schedule';
import type { Log } from '@pushfleet/shared/platform/log';
import { packageVersion } from '@pushfleet/shared/platform/package-version';
import type { Stoppable } from '@pushfleet/shared/platform/stop';
import { NO_TRACING, type Tracing } from '@pushfleet/shared/platform/tracing';
import { endProbe, openBreaker, readBreakers, takeProbe } from '@pushfleet/shared/queue/breaker';
import { readCheckpoint, writeCheckpoints } from '@pushfleet/shared/queue/checkpoint';
import { type ControlCopy, readControlCopy } from '@pushfleet/shared/queue/control-copy';
import { addResults, openQueue } from '@pushfleet/shared/queue/lane-queue';
import { takeFromBucket } from '@pushfleet/shared/queue/rate-bucket';
import type { RedisClient } from '@pushfleet/shared/queue/redis-connection';
import { ServerRun } from '@pushfleet/shared/queue/server-run';
import { removeBeat, writeBeat } from '@pushfleet/shared/queue/worker-beats';
import type { ConnectionGovernor } from './apns/connection-governor.ts';
import type { SendingObserver } from './batch/sending-parts.ts';
import { BreakerWatch } from './breaker-watch.ts';
import { CheckpointWriter } from './checkpoint-writer.ts';
import { closeWhileUnreachable } from './connection-gate.ts';
import { type AppIdentity, CONTROL_CAUSES, causesOf } from './control-verdict.ts';
import { ControlWatch } from './control-watch.ts';
import { Heartbeat } from './heartbeat.ts';
import { LOCK_DURATION_MS } from './lanes/bull-worker.ts';
import { JobProcessor } from './lanes/job-processor.ts';
import { LaneGate } from './lanes/lane-gate.ts';
import { Lanes } from './lanes/lanes.ts';
import { RateLimiter } from './rate-limiter.ts';
import { ResultsPublisher } from './results-publisher.ts';
import { SendBreaker } from './send-breaker.ts';
import { TopicBreakers } from './topic-breakers.ts';
import { WipedRedis } from './wiped-redis.ts';

const TOO_MANY_UPDATES = 'TooManyProviderTokenUpdates';

export interface WorkerOptions {
  readonly identity: AppIdentity;
  /** Names the credential: workers of the fleet with the same one stop and go on together. */
  readonly credential: string;
  /** Keeps the provider token as it was then (milliseconds since 1970), or lets it follow the clock. */
  readonly freezeProviderToken?: (since: number | null) => void;
  readonly redis: { readonly working: RedisClient; readonly adding: RedisClient };
  readonly prefix: string;
  readonly governor: ConnectionGovernor;
  readonly maxInFlight: number;
  readonly policy: RetryPolicy;
  readonly observer: SendingObserver;
  /** Default none. */
  readonly tracing?: Tracing;
  /** How long lanes may stand still before `stuck` says so. Default a minute. */
  readonly stuckAfterMs?: number;
  /** How long APNs must answer mostly 5xx to be down. Default 5 s. */
  readonly outageAfterMs?: number;
  readonly log: Log;
}

export interface RunningWorker extends Stoppable {
  readonly gate: LaneGate;
  /** Jobs that run at the moment. */
  readonly running: number;
  /** Null, or why nothing comes of the jobs although nothing speaks against it. */
  stuck(): string | null;
}

/** Puts the parts of a worker together and starts them. It takes jobs once the control copy says so. */
export function startWorker(options: WorkerOptions): RunningWorker {
  const { identity, credential, redis, prefix, governor, log } = options;
  const { app } = identity;
  const gate = new LaneGate();
  gate.close('noControl'); // until the first copy was read
  gate.close('unknownServer');
  const server = new ServerRun(redis.adding);
  const control = new ControlWatch({
    read: () => readControlCopy(redis.adding, prefix, app),
    readServer: () => server.id(),
    onServer: (isKnown) => gate.set('unknownServer', !isKnown),
    log,
  });
  redis.adding.on('close', () => control.forgetServer());
  const worker = `${hostname().slice(0, 24)}-${process.pid}-${randomBytes(4).toString('hex')}`;
  const heartbeat = new Heartbeat({
    version: packageVersion(import.meta.url),
    governor,
    gate,
    write: (beat) => writeBeat(redis.adding, prefix, app, worker, beat),
    remove: () => removeBeat(redis.adding, prefix, app, worker),
    log,
  });
  const onNews = () => breakerWatch.wake();
  const breaker = new SendBreaker({
    app,
    credential,
    log,
    onNews,
    outageAfterMs: options.outageAfterMs,
    onState(state) {
      lanes.oneAtATime = state === 'probing';
      gate.set('breaker', state === 'open');
      // Another provider token would be one more of those that APNs has had too many of.
      options.freezeProviderToken?.(breaker.reason === TOO_MANY_UPDATES ? breaker.since : null);
    },
  });
  const topicBreakers = new TopicBreakers({ app, credential, ownTopic: identity.topic, log, onNews });
  const breakerWatch = new BreakerWatch({
    credential,
    fleet: {
      read: () => readBreakers(redis.adding, prefix, app),
      open: (name, reason) => openBreaker(redis.adding, prefix, app, name, reason),
      takeProbe: (name, leaseMs) => takeProbe(redis.adding, prefix, app, name, worker, leaseMs),
      endProbe: (name, answer, reason) => endProbe(redis.adding, prefix, app, name, worker, answer, reason),
    },
    breakers: () => [breaker, ...topicBreakers.all()],
    canSend: () => gate.causes.every((cause) => cause === 'breaker'),
    log,
  });
  const checkpoints = new CheckpointWriter((list) => writeCheckpoints(redis.working, prefix, app, list));
  const queue = openQueue<BatchResult>(redis.adding, prefix, app, 'results');
  queue.on('error', (error) =>
    log.debug({ event: 'results.error', err: error }, 'the results queue reports'),
  );
  const results = new ResultsPublisher({ worker, add: (list) => addResults(queue, list), log });
  const processor = new JobProcessor(identity, () => gate.isOpen, {
    governor,
    control,
    limiter: new RateLimiter({
      ask: (lane, wanted) => takeFromBucket(redis.adding, prefix, app, lane, wanted),
      isUnlimited: (mono) => control.current(mono)?.ratePerSecond === null,
      log,
    }),
    breaker,
    topicBreakers,
    checkpoints,
    readCheckpoint: ({ lane, jobId }) => readCheckpoint(redis.working, prefix, app, lane, jobId),
    results,
    observer: {
      ...options.observer,
      answered(answer, verdict, reason, ms, mono) {
        lanes.moved(mono);
        heartbeat.answered();
        options.observer.answered(answer, verdict, reason, ms, mono);
      },
      settled(outcome, reason, recipients, sinceDueMs) {
        if (outcome === 'accepted') heartbeat.accepted(recipients, sinceDueMs);
        options.observer.settled(outcome, reason, recipients, sinceDueMs);
      },
    },
    tracing: options.tracing ?? NO_TRACING,
    policy: options.policy,
    lockDurationMs: LOCK_DURATION_MS,
    worker,
    log,
  });
  const lanes = new Lanes({
    redis: redis.working,
    prefix,
    app,
    maxInFlight: options.maxInFlight,
    gate,
    process: (lane, job, hold) => processor.process(lane, job, hold),
    stuckAfterMs: options.stuckAfterMs,
    log,
  });

  const wiped = new WipedRedis({
    drainUntil: (mono) => lanes.drainUntil(mono),
    tellAgain: () => results.tellAgain(),
    onTold: () => applyControl(control.current()),
    log,
  });
  const tellPause = (paused: boolean) => {
    if (paused === gate.causes.includes('paused')) return;
    if (paused) log.info({ event: 'sending.paused', app }, 'an operator paused it: nothing more is sent');
    else log.info({ event: 'sending.resumed', app }, 'no operator has it paused any more');
  };
  const applyControl = (copy: ControlCopy | null) => {
    const causes = new Set(causesOf(copy, identity));
    if (wiped.isSpeaking) causes.add('recovering');
    if (causes.has('mismatch'))
      log.error(
        { event: 'app.mismatch', app, topic: copy?.topic, environment: copy?.environment },
        'the app has another topic or environment than this worker; it sends nothing until they agree',
      );
    tellPause(causes.has('paused'));
    // Closing before opening: a change from one cause to another must not open in between.
    for (const cause of CONTROL_CAUSES) if (causes.has(cause)) gate.close(cause);
    for (const cause of CONTROL_CAUSES) if (!causes.has(cause)) gate.withdraw(cause);
  };
  control.onChange((copy) => {
    wiped.look(copy, control.isMissing);
    applyControl(copy);
  });
  const stopWatching = closeWhileUnreachable(governor, gate);
  breakerWatch.start(); // before the first copy opens the lanes
  control.start();
  heartbeat.start();

  return {
    name: 'worker',
    gate,
    get running() {
      return lanes.running;
    },
    stuck: () => lanes.stuck(),
    async stop(remainingMs) {
      await lanes.stop(remainingMs);
      stopWatching();
      breakerWatch.stop();
      control.stop();
      await heartbeat.stop();
      await governor.close(Math.min(1_000, Math.max(0, remainingMs)));
    },
  };
}
