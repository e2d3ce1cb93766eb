import { type ApnsAnswer, REASON_POLICIES, type Verdict } from '@pushfleet/shared/domain/apns-answer';
import type { Outcome } from '@pushfleet/shared/domain/outcomes';
import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import type { ConnectionGovernor, GovernorState } from './apns/connection-governor.ts';
import { REFUSALS } from './batch/open-batch.ts';
import type { SendingObserver } from './batch/sending-parts.ts';
import { TalliedHistogram } from './tallied-histogram.ts';

export interface WorkerMetricsSources {
  readonly app: string;
  readonly version: string;
  readonly governor: Pick<ConnectionGovernor, 'state' | 'streamLimit' | 'inFlight' | 'connects'>;
  /** When the certificate ends; undefined for a key, which does not end. */
  readonly credentialExpiresAt: Date | undefined;
}

export interface WorkerMetrics extends SendingObserver {
  /** Prometheus' text. */
  text(): Promise<string>;
}

const STATES: readonly GovernorState[] = ['connecting', 'probing', 'ready', 'draining', 'stopped'];

/** The worker's metrics, by the names of the interface. Labels come from closed lists only. */
export function createWorkerMetrics(sources: WorkerMetricsSources): WorkerMetrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  registerGauges(registry, sources);
  const { app } = sources;
  const registers = [registry];
  // What every push touches is summed up here and told when somebody asks.
  let accepted = 0;
  const outcomes = new Counter({
    name: 'pushfleet_outcomes_total',
    help: 'Recipients by final outcome and reason.',
    labelNames: ['app', 'outcome', 'reason'],
    registers,
    collect() {
      this.inc({ app, outcome: 'accepted', reason: '' }, accepted);
      accepted = 0;
    },
  });
  const retries = new Counter({
    name: 'pushfleet_retries_total',
    help: 'Answers after which a recipient is tried again, by reason.',
    labelNames: ['app', 'reason'],
    registers,
  });
  const resends = new Counter({
    name: 'pushfleet_unanswered_resends_total',
    help: 'Requests sent again because the answer to an earlier one was lost.',
    labelNames: ['app'],
    registers,
  });
  const refused = new Counter({
    name: 'pushfleet_jobs_refused_total',
    help: 'Jobs that this worker handed back unsent, since they are not for it.',
    labelNames: ['app', 'cause'],
    registers,
  });
  const requestSeconds = new TalliedHistogram({
    name: 'pushfleet_request_seconds',
    help: 'Time from a request to its answer.',
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
  });
  const dueToAccepted = new TalliedHistogram({
    name: 'pushfleet_due_to_accepted_seconds',
    help: 'Time from when a notification was due until APNs accepted it for one recipient.',
    buckets: [0.25, 0.5, 1, 2, 5, 10, 30, 60, 300, 900, 3_600, 21_600],
  });
  for (const histogram of [requestSeconds, dueToAccepted]) histogram.register(registry);
  const lastStarted = new Gauge({
    name: 'pushfleet_last_batch_started_timestamp_seconds',
    help: 'When this worker last started a batch.',
    registers,
  });
  resends.inc({ app }, 0);
  for (const cause of REFUSALS) refused.inc({ app, cause }, 0);
  return {
    batchStarted: () => lastStarted.setToCurrentTime(),
    answered(answer: ApnsAnswer, verdict: Verdict, reason: string, ms: number) {
      if (answer.answered) requestSeconds.observe(ms / 1_000);
      if (verdict === 'retry') retries.inc({ app, reason: knownReason(reason) });
    },
    settled(outcome: Outcome, reason: string, recipients: number, sinceDueMs: number) {
      if (outcome === 'accepted') {
        accepted += recipients;
        dueToAccepted.observe(Math.max(0, sinceDueMs) / 1_000);
      } else outcomes.inc({ app, outcome, reason: knownReason(reason) }, recipients);
    },
    resentUnanswered: () => resends.inc({ app }),
    refused: (cause) => refused.inc({ app, cause }),
    text: () => registry.metrics(),
  };
}

function registerGauges(registry: Registry, sources: WorkerMetricsSources): void {
  const { app, governor } = sources;
  const registers = [registry];
  const gauge = (name: string, help: string, read: () => number) =>
    new Gauge({
      name,
      help,
      labelNames: ['app'],
      registers,
      collect() {
        this.set({ app }, read());
      },
    });
  gauge('pushfleet_in_flight', 'Requests without an answer yet.', () => governor.inFlight());
  gauge('pushfleet_stream_limit', 'Requests that APNs allows at once.', () => governor.streamLimit());
  new Gauge({
    name: 'pushfleet_connection_state',
    help: '1 for the state of the APNs connection.',
    labelNames: ['app', 'state'],
    registers,
    collect() {
      for (const state of STATES) this.set({ app, state }, state === governor.state() ? 1 : 0);
    },
  });
  new Counter({
    name: 'pushfleet_connects_total',
    help: 'Connections to APNs that were opened.',
    labelNames: ['app'],
    registers,
    collect() {
      this.reset();
      this.inc({ app }, governor.connects());
    },
  });
  const expiresAt = sources.credentialExpiresAt?.getTime() ?? Number.POSITIVE_INFINITY;
  gauge(
    'pushfleet_credential_expiry_seconds',
    'Seconds until the certificate ends; +Inf for a key, which does not end.',
    () => Math.round((expiresAt - Date.now()) / 1_000),
  );
  new Gauge({
    name: 'pushfleet_build_info',
    help: 'Version of this process.',
    labelNames: ['version', 'process'],
    registers,
  }).set({ version: sources.version, process: 'worker' }, 1);
}

/** Apple's reasons and "other": whatever a server sends must not become a label. */
function knownReason(reason: string): string {
  return reason === '' || REASON_POLICIES.has(reason) ? reason : 'other';
}
