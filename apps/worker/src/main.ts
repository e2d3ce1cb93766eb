import type { Environment } from '@pushfleet/shared/platform/config';
import { warnOfOpenFiles } from '@pushfleet/shared/platform/file-permissions';
import { openProcessHealth } from '@pushfleet/shared/platform/health-server';
import { createLog, logFatalErrors } from '@pushfleet/shared/platform/log';
import { packageVersion } from '@pushfleet/shared/platform/package-version';
import { workerSettings } from '@pushfleet/shared/platform/process-settings';
import { stopOnSignal } from '@pushfleet/shared/platform/stop';
import { openTracing } from '@pushfleet/shared/platform/tracing';
import { takeConnectPermit } from '@pushfleet/shared/queue/connect-permit';
import { credentialDigest, credentialExpiresAt } from './apns/credential.ts';
import { createProviderTokenSource } from './apns/provider-token.ts';
import { openGovernor } from './open-governor.ts';
import { openRedisLinks } from './redis-links.ts';
import { startWorker } from './worker.ts';
import { loadWorkerConfig, readCredential } from './worker-config.ts';
import { workerHealth } from './worker-health.ts';
import { createWorkerMetrics } from './worker-metrics.ts';

/**
 * Worker: takes batches from its lanes, sends them to APNs, publishes what came of them. Runs until
 * SIGTERM or SIGINT.
 *
 * @returns the exit code: 0 after an orderly stop, else 1
 * @throws ConfigurationError with all faults, before anything is started
 */
export async function runWorker(environment: Environment): Promise<number> {
  const config = loadWorkerConfig(environment);
  const credential = readCredential(config);
  const log = createLog('worker', {
    level: config.PUSHFLEET_LOG_LEVEL,
    format: config.PUSHFLEET_LOG_FORMAT,
  });
  logFatalErrors(log);
  warnOfOpenFiles(workerSettings, environment, log);
  const identity = {
    app: config.PUSHFLEET_APP,
    topic: config.PUSHFLEET_APNS_TOPIC,
    environment: config.PUSHFLEET_APNS_ENVIRONMENT,
  };
  const { app } = identity;
  const prefix = config.PUSHFLEET_REDIS_PREFIX;

  const version = packageVersion(import.meta.url);
  const tracing = await openTracing({ process: 'worker', version }, environment, log);
  const health = await openProcessHealth(config.PUSHFLEET_HTTP_PORT, config.PUSHFLEET_HTTP_HOST);
  const redis = await openRedisLinks(config, log);
  const connectPermit = () => takeConnectPermit(redis.adding, prefix, app);
  const providerTokens = credential.kind === 'token' ? createProviderTokenSource(credential) : undefined;
  const governor = openGovernor(config, credential, connectPermit, log, { providerTokens });
  governor.start();
  const metrics = createWorkerMetrics({
    app,
    version,
    governor,
    credentialExpiresAt: credentialExpiresAt(credential),
  });
  const digest = credentialDigest(credential, identity.environment);
  const worker = startWorker({
    identity,
    credential: digest,
    freezeProviderToken: (since) => providerTokens?.freeze(since),
    redis,
    prefix,
    governor,
    maxInFlight: config.PUSHFLEET_MAX_IN_FLIGHT,
    policy: { maxAttempts: config.PUSHFLEET_MAX_ATTEMPTS, delaysMs: config.PUSHFLEET_RETRY_DELAYS },
    observer: metrics,
    tracing,
    log,
  });
  health.serve(workerHealth({ gate: worker.gate, metrics: metrics.text, stuck: worker.stuck }));
  log.info(
    { event: 'worker.started', ...identity, credential: credential.kind, credentialDigest: digest },
    'worker started',
  );

  // The worker first: while it stops, /health/ready says so. Redis behind it: handing back needs it. Traces last:
  // only they are lost when the collector takes too long.
  return stopOnSignal([worker, ...health.parts, redis, tracing], {
    timeoutMs: config.PUSHFLEET_DRAIN_TIMEOUT_MS,
    log,
  });
}
