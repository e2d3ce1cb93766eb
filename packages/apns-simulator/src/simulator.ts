import type { AcceptedPush } from './accepted-log.ts';
import { startAdminServer } from './admin-server.ts';
import { ApnsServer } from './apns-server.ts';
import { makeServerCertificate, type ServerCertificate } from './certificate.ts';
import { FastServer } from './fast-server.ts';
import { type AcceptedInSecond, Ledger } from './ledger.ts';
import type { SimulatorOptions } from './options.ts';
import { RequestChecks } from './request-checks.ts';
import { RequestHandler, type Settings } from './request-handler.ts';
import type { RequestRecord } from './request-log.ts';
import type { Rule } from './rule.ts';
import { RunningSimulator } from './running-simulator.ts';
import { ScriptRunner } from './script-runner.ts';

export type { AcceptedInSecond, AcceptedPush, RequestRecord, Rule, SimulatorOptions };

/** A running APNs simulator. */
export interface Simulator {
  /** `https://localhost:PORT`, what clients of APNs connect to. */
  readonly url: string;
  /** The certificate that clients must trust, PEM. */
  readonly caPem: string;
  /** `http://127.0.0.1:PORT`, JSON. */
  readonly adminUrl: string;
  /** Replaces the rules in force. Throws ScriptError, and then changes nothing. */
  script(rules: readonly Rule[] | string): void;
  /** Adds a rule behind those in force. Throws ScriptError. */
  addRule(rule: Rule | string): void;
  /** The accepted pushes in their order, from the one numbered `since` (0 is the first). Throws with record 'counts'. */
  accepted(since?: number, limit?: number): AcceptedPush[];
  acceptedCount(): number;
  /** Different device tokens among them. Throws with record 'counts'. */
  distinctAccepted(): number;
  /** When each push was accepted, milliseconds since 1970 in order: to judge any sliding window. Throws with 'counts'. */
  acceptedTimes(): Float64Array;
  /** Accepted pushes by second since 1970, by the simulator's own clock. */
  acceptedPerSecond(): AcceptedInSecond[];
  /** Requests that arrived whole; streams refused for being too many are not among them. */
  requestCount(): number;
  /** Each request with its answer, in order. Throws with record 'counts'. */
  requests(since?: number, limit?: number): RequestRecord[];
  /** Requests by answer: `200`, `410 Unregistered`, `silence`. */
  answers(): Record<string, number>;
  /** Open connections. */
  connections(): number;
  /** Connections since the start or the last reset. */
  connects(): number;
  /** Forgets rules, records and counts; latency and stream limit are those of the start again. */
  reset(): void;
  setLatency(ms: number): void;
  /** Tells all connections that have an accepted push; the others when they have one. */
  setStreamLimit(limit: number): void;
  /** GOAWAY on all connections: graceful, or with an error such as `ENHANCE_YOUR_CALM`. */
  goAway(options?: { error?: string; reason?: string }): void;
  /** Cuts all connections. */
  dropConnections(): void;
  /** Cuts all connections and stops both servers. */
  close(): Promise<void>;
}

/** Starts the APNs server and its admin server. */
export async function startSimulator(options: SimulatorOptions = {}): Promise<Simulator> {
  const host = options.host ?? '127.0.0.1';
  const settings = { latencyMs: options.latencyMs ?? 0, streamLimit: options.streamLimit ?? 1000 };
  const hasOneStream = options.oneStreamUntilAccepted ?? true;
  const certificate = await makeServerCertificate(options.hostNames ?? []);
  const ledger = new Ledger(
    options.fast ? 'counts' : (options.record ?? 'all'),
    options.maxRecords ?? 2_000_000,
  );
  const script = options.fast ? undefined : new ScriptRunner();
  const firstStreamLimit = hasOneStream ? 1 : settings.streamLimit;
  const server =
    script === undefined
      ? new FastServer(certificate, settings, ledger, firstStreamLimit, options.now ?? Date.now)
      : strictServer(options, { certificate, ledger, script, settings, firstStreamLimit }, (limit) =>
          running.setStreamLimit(limit),
        );
  const running = new RunningSimulator({
    server,
    ledger,
    script,
    settings,
    caPem: certificate.certificatePem,
  });
  await running.listen(options.port ?? 0, options.adminPort ?? 0, host, startAdminServer);
  return running;
}

interface StrictParts {
  readonly certificate: ServerCertificate;
  readonly ledger: Ledger;
  readonly script: ScriptRunner;
  readonly settings: Settings;
  readonly firstStreamLimit: number;
}

function strictServer(
  options: SimulatorOptions,
  { certificate, ledger, script, settings, firstStreamLimit }: StrictParts,
  setStreamLimit: (limit: number) => void,
): ApnsServer {
  const hasOneStream = options.oneStreamUntilAccepted ?? true;
  const handler = new RequestHandler({
    checks: new RequestChecks({ ...options, required: options.requireProviderToken ?? true }, options.topics),
    script,
    ledger,
    settings,
    isSandbox: options.environment === 'sandbox',
    now: options.now ?? Date.now,
    setStreamLimit,
  });
  return new ApnsServer(certificate, firstStreamLimit, {
    onConnection: (connection) => {
      if (!hasOneStream || connection.certificateTopic !== undefined) connection.warmUp(settings.streamLimit);
    },
    onRequest: (exchange) => handler.handle(exchange),
  });
}
