import type { AcceptedPush } from './accepted-log.ts';
import type { AdminServer } from './admin-server.ts';
import type { AcceptedInSecond, Ledger } from './ledger.ts';
import type { Settings } from './request-handler.ts';
import type { RequestRecord } from './request-log.ts';
import type { Rule } from './rule.ts';
import { ScriptError } from './script-error.ts';
import { readScript } from './script-parser.ts';
import { type CheckedRule, errorCode } from './script-rules.ts';
import type { ScriptRunner } from './script-runner.ts';
import type { Simulator } from './simulator.ts';

/** What is done to connections, whichever server they are on. */
interface ControlledConnection {
  limitStreams(streamLimit: number): void;
  goAway(errorCode: number, reason: string): void;
  drop(): void;
}

/** The strict server, or the fast one. */
interface ControlledServer {
  readonly connections: ReadonlySet<ControlledConnection>;
  readonly connects: number;
  listen(port: number, host: string): Promise<number>;
  close(): Promise<void>;
}

/** What a running simulator consists of. */
export interface SimulatorParts {
  readonly server: ControlledServer;
  readonly ledger: Ledger;
  /** The fast server runs none. */
  readonly script: ScriptRunner | undefined;
  readonly settings: Settings;
  readonly caPem: string;
}

type StartAdmin = (simulator: Simulator, port: number, host: string) => Promise<AdminServer>;

/** The controls of a simulator: what tests call and the admin server offers. */
export class RunningSimulator implements Simulator {
  url = '';
  adminUrl = '';
  readonly caPem: string;
  private readonly startSettings: Settings;
  private connectsAtReset = 0;
  private admin: AdminServer | undefined;

  constructor(private readonly parts: SimulatorParts) {
    this.caPem = parts.caPem;
    this.startSettings = { ...parts.settings };
  }

  /** Starts both servers. Throws what listening throws, and leaves nothing open then. */
  async listen(port: number, adminPort: number, host: string, startAdmin: StartAdmin): Promise<void> {
    this.url = `https://localhost:${await this.parts.server.listen(port, host)}`;
    try {
      this.admin = await startAdmin(this, adminPort, host);
    } catch (error) {
      await this.parts.server.close();
      throw error;
    }
    this.adminUrl = `http://127.0.0.1:${this.admin.port}`;
  }

  script(rules: readonly Rule[] | string): void {
    const read = readScript(rules);
    this.parts.script?.clear();
    for (const rule of read) this.apply(rule);
  }

  addRule(rule: Rule | string): void {
    for (const read of readScript(typeof rule === 'string' ? rule : [rule])) this.apply(read);
  }

  accepted(since?: number, limit?: number): AcceptedPush[] {
    return this.details().accepted.list(since, limit);
  }

  acceptedCount(): number {
    return this.parts.ledger.accepted;
  }

  distinctAccepted(): number {
    return this.details().accepted.distinct;
  }

  acceptedTimes(): Float64Array {
    return this.details().accepted.times();
  }

  acceptedPerSecond(): AcceptedInSecond[] {
    return this.parts.ledger.perSecond();
  }

  requestCount(): number {
    return this.parts.ledger.requests;
  }

  requests(since?: number, limit?: number): RequestRecord[] {
    return this.details().requests.list(since, limit);
  }

  answers(): Record<string, number> {
    return this.parts.ledger.answers();
  }

  connections(): number {
    return this.parts.server.connections.size;
  }

  connects(): number {
    return this.parts.server.connects - this.connectsAtReset;
  }

  reset(): void {
    this.parts.script?.clear();
    this.parts.ledger.clear();
    this.connectsAtReset = this.parts.server.connects;
    this.setLatency(this.startSettings.latencyMs);
    this.setStreamLimit(this.startSettings.streamLimit);
  }

  setLatency(ms: number): void {
    this.parts.settings.latencyMs = ms;
  }

  setStreamLimit(limit: number): void {
    if (limit === this.parts.settings.streamLimit) return;
    this.parts.settings.streamLimit = limit;
    for (const connection of this.parts.server.connections) connection.limitStreams(limit);
  }

  goAway({ error, reason }: { error?: string; reason?: string } = {}): void {
    const code = errorCode(error ?? 'NO_ERROR');
    if (code === undefined) throw new Error(`"${error}" is not the name of an HTTP/2 error code`);
    for (const connection of this.parts.server.connections)
      connection.goAway(code, reason ?? error ?? 'Shutdown');
  }

  dropConnections(): void {
    for (const connection of this.parts.server.connections) connection.drop();
  }

  async close(): Promise<void> {
    await Promise.all([this.admin?.close(), this.parts.server.close()]);
  }

  private apply(rule: CheckedRule): void {
    if ('latencyMs' in rule) this.setLatency(rule.latencyMs);
    else if ('streams' in rule && !('after' in rule)) this.setStreamLimit(rule.streams);
    else if (this.parts.script !== undefined) this.parts.script.add(rule);
    else throw new ScriptError('the fast mode', 'it takes no rules but latency and streams');
  }

  private details(): NonNullable<Ledger['details']> {
    const { details } = this.parts.ledger;
    if (details === undefined)
      throw new Error(
        "single pushes are not kept with record: 'counts' or in the fast mode; start with 'all'",
      );
    return details;
  }
}
