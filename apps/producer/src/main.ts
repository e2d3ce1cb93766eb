import { setTimeout as sleep } from 'node:timers/promises';
import { dueWindow } from '@pushfleet/shared/domain/due-window';
import type { Environment } from '@pushfleet/shared/platform/config';
import { warnOfOpenFiles } from '@pushfleet/shared/platform/file-permissions';
import { openProcessHealth } from '@pushfleet/shared/platform/health-server';
import { createLog, logFatalErrors } from '@pushfleet/shared/platform/log';
import { type Loop, startLoop } from '@pushfleet/shared/platform/loop';
import { packageVersion } from '@pushfleet/shared/platform/package-version';
import { producerSettings } from '@pushfleet/shared/platform/process-settings';
import { leaveInTime, type Stoppable, stopOnSignal } from '@pushfleet/shared/platform/stop';
import { openTracing } from '@pushfleet/shared/platform/tracing';
import { consumeResults } from '@pushfleet/shared/queue/results-consumer';
import { countTooOldRows } from '@pushfleet/shared/store/due-rows';
import { releasePlannings } from '@pushfleet/shared/store/planning-leases';
import { Brake } from './brake.ts';
import { BreakerKeeper } from './breakers.ts';
import { backendZone, DueRowClaimer } from './claim-due-rows.ts';
import { DispatchCompleter } from './complete-dispatches.ts';
import { BatchDispatcher } from './dispatch-batches.ts';
import { executeCommands } from './execute-commands.ts';
import { releaseMendedRows } from './invalid-rows.ts';
import { AudiencePlanner } from './plan-audiences.ts';
import { loadProducerConfig } from './producer-config.ts';
import type { ProducerContext } from './producer-context.ts';
import { producerHealth } from './producer-health.ts';
import { ProducerMetrics } from './producer-metrics.ts';
import { ControlPublisher, registerApps } from './publish-control.ts';
import { MIN_AGE_MS, reconcile, WORKERS_SPEAK_MS } from './reconcile.ts';
import { ResultRecorder } from './record-results.ts';
import { SentResetReporter } from './report-sent-resets.ts';
import { OldRowRemover } from './retention.ts';
import { DeviceRetirer } from './retire-devices.ts';
import { scalingDocument } from './scaling.ts';
import { CancelledSettler, cancelForeignSent, settleOverdue } from './settle-waiting.ts';
import { openProducer, redisFor } from './start-up.ts';
import { StuckResults } from './stuck-results.ts';
import { listenForWakes } from './wake-listener.ts';

/** For the connections, after what uses them. */
const LEFT_FOR_CONNECTIONS_MS = 2_000;
/** Another producer takes plannings over that this one could not give back. */
const LAST_STATEMENT_MS = 500;

/**
 * Producer: turns due rows into batches, moves them to Redis while there is room, and records what became
 * of them. Any number of producers may run; every step is a compare-and-set in MySQL.
 *
 * @returns the exit code
 * @throws ConfigurationError and what `openProducer` throws, before anything was started
 */
export async function runProducer(environment: Environment): Promise<number> {
  const config = loadProducerConfig(environment);
  const log = createLog('producer', {
    level: config.PUSHFLEET_LOG_LEVEL,
    format: config.PUSHFLEET_LOG_FORMAT,
  });
  logFatalErrors(log);
  warnOfOpenFiles(producerSettings, environment, log);
  const health = await openProcessHealth(config.PUSHFLEET_HTTP_PORT, config.PUSHFLEET_HTTP_HOST);
  const version = packageVersion(import.meta.url);
  const tracing = await openTracing({ process: 'producer', version }, environment, log);
  const context = await openProducer(config, log, tracing);
  await registerApps(context).catch(async (error: unknown) => {
    await closing(context).stop(0);
    throw error;
  });
  const metrics = new ProducerMetrics(context, version);
  const { loops, recorder, stuckResults } = startLoops(context, metrics);
  const results = startRecording(context, recorder);
  const wakes = listenForWakes(
    redisFor(config, 'working', log),
    config.PUSHFLEET_REDIS_PREFIX,
    loops.wakeAll,
    log,
  );
  health.serve(
    producerHealth({
      redis: context.redis,
      loops: loops.failable,
      stuck: () => stuckResults.stuck,
      metrics: () => metrics.text(),
      json: (path) => scalingDocument(context, path),
    }),
  );
  log.info(
    {
      event: 'producer.started',
      fleet: context.fleet,
      owner: context.owner,
      apps: context.queues.map(({ app }) => app.name),
    },
    'producer started',
  );
  const working = leaveInTime('work', [...results, ...loops.all], LEFT_FOR_CONNECTIONS_MS, log);
  // Traces last: only they are lost when the collector takes too long.
  return stopOnSignal([...health.parts, wakes, working, closing(context), tracing], {
    timeoutMs: config.PUSHFLEET_DRAIN_TIMEOUT_MS,
    log,
  });
}

/** The loops in the order in which a row passes them; each wakes the one behind it. */
function startLoops(context: ProducerContext, metrics: ProducerMetrics) {
  const { config, log } = context;
  const failable: Loop[] = [];
  const start = (name: string, intervalMs: number, step: () => Promise<unknown>): Loop => {
    const loop = startLoop({ name, intervalMs, step, log });
    failable.push(loop);
    return loop;
  };

  const completer = new DispatchCompleter(context);
  const brake = new Brake(context, () => publish.wake());
  const breakers = new BreakerKeeper(context);
  const dispatch = () => {
    dispatchUrgent.wake();
    dispatchBulk.wake();
  };
  const recorder = new ResultRecorder(context, {
    settled(dispatchId) {
      completer.hint(dispatchId);
      if (dispatcher.isFull('urgent')) dispatchUrgent.wake();
      if (dispatcher.isFull('bulk')) dispatchBulk.wake();
    },
    retired: () => retire.wake(),
    parked: dispatch,
    refused(dispatchId) {
      brake.hint(dispatchId);
      hold.wake();
    },
  });
  const planner = new AudiencePlanner(context, dispatch);
  const planLeft = () => {
    plan.wake();
    planFresh.wake();
  };
  const claimer = new DueRowClaimer(
    context,
    (claims) => planner.planFresh(claims, planLeft),
    Date.now,
    (rows) => metrics.rowsSkipped.inc({ cause: 'invalid' }, rows),
  );
  const dispatcher = new BatchDispatcher(context);
  const retirer = new DeviceRetirer(context, (app, reason) => metrics.retirements.inc({ app, reason }));
  const cancelled = new CancelledSettler(context, recorder);
  const remover = new OldRowRemover(context);
  const resets = new SentResetReporter(context);
  const requeueLost = async (minAgeMs: number, queues = context.queues) => {
    for (const app of queues) metrics.lostBatches.inc(await reconcile(context, recorder, app, minAgeMs));
    dispatch();
  };
  const control = new ControlPublisher(context, (queues) => requeueLost(WORKERS_SPEAK_MS, [queues]));

  const publish = start('control', 1_000, () => control.look());
  const claim = start('claim', config.PUSHFLEET_POLL_INTERVAL_MS, () => claimer.look());
  const claimFresh = start('claim fresh', config.PUSHFLEET_POLL_INTERVAL_MS, () => claimer.lookAtFresh());
  const plan = start('plan', 250, () => planner.look());
  const planFresh = start('plan fresh', 250, () => planner.lookAtFresh());
  const dispatchUrgent = start('dispatch urgent', 250, async () => {
    const moved = await dispatcher.look('urgent');
    if (moved) context.rightOfWay.queued();
    return moved;
  });
  const dispatchBulk = start('dispatch bulk', 250, async () => {
    await context.rightOfWay.giveWay();
    return dispatcher.look('bulk');
  });
  const complete = start('complete', 100, () => completer.look());
  const retire = start('retire', 1_000, () => retirer.look());
  const settle = start('settle', 500, async () => {
    await cancelled.look();
    return settleOverdue(context);
  });
  const hold = start('brake', 500, () => brake.look());
  const stops = start('breakers', 1_000, () => breakers.look());
  const commands = start('commands', 500, () =>
    executeCommands(context, () => {
      publish.wake();
      settle.wake();
      claim.wake();
      dispatch();
    }),
  );
  const stuckResults = new StuckResults(context);
  const slow = [
    start('results', 5_000, () => stuckResults.look()),
    start('reconcile', 5_000, () => requeueLost(MIN_AGE_MS)),
    start('sent by the backend', 5_000, () => cancelForeignSent(context)),
    start('invalid rows', 10_000, () => releaseMendedRows(context)),
    start('old rows', 60_000, () => countOldRows(context, metrics)),
    start('retention', 60_000, () => remover.look()),
    start('sent resets', 15_000, () => resets.look()),
  ];
  const planning: Stoppable = { name: 'planning', stop: () => planner.stop() };
  return {
    recorder,
    stuckResults,
    loops: {
      failable,
      all: [
        claim,
        claimFresh,
        plan,
        planFresh,
        planning,
        dispatchUrgent,
        dispatchBulk,
        commands,
        settle,
        hold,
        stops,
        publish,
        retire,
        complete,
        ...slow,
      ],
      wakeAll() {
        claim.wake();
        commands.wake();
      },
    },
  };
}

function startRecording(context: ProducerContext, recorder: ResultRecorder): Stoppable[] {
  const { config, log, queues } = context;
  const redis = redisFor(config, 'working', log);
  const consumers = queues.map(({ app }) =>
    consumeResults({
      redis,
      prefix: config.PUSHFLEET_REDIS_PREFIX,
      app: app.name,
      record: (results) => recorder.record(results),
      log,
    }),
  );
  return [...consumers, { name: 'results connection', stop: async () => redis.disconnect() }];
}

let oldRowsTold = 0;

/** Rows that are too old to send are counted, so that somebody sees them. */
async function countOldRows(context: ProducerContext, metrics: ProducerMetrics): Promise<void> {
  const { config, store, log } = context;
  const window = dueWindow(Date.now(), backendZone(context), config.PUSHFLEET_MAX_AGE, Date.now());
  const count = await countTooOldRows(store, window.from, 10_000);
  if (count > oldRowsTold) {
    metrics.rowsSkipped.inc({ cause: 'too_old' }, count - oldRowsTold);
    log.warn(
      { event: 'notification.tooOld', rows: count, before: window.from },
      'unsent rows are older than PUSHFLEET_MAX_AGE and are not sent',
    );
  }
  oldRowsTold = count;
}

function closing({ store, redis, queues, owner }: ProducerContext): Stoppable {
  return {
    name: 'connections',
    async stop() {
      const released = releasePlannings(store, owner).catch(() => {});
      await Promise.race([released, sleep(LAST_STATEMENT_MS)]);
      const closed = queues.flatMap(({ lanes, results }) =>
        [lanes.urgent, lanes.bulk, results].map((queue) => queue.close().catch(() => {})),
      );
      await Promise.race([Promise.all(closed), sleep(LAST_STATEMENT_MS)]);
      redis.disconnect();
      await store.database.close();
    },
  };
}
