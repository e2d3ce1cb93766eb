import type { Log } from '@pushfleet/shared/platform/log';
import type { Stoppable } from '@pushfleet/shared/platform/stop';
import { BEAT_EVERY_MS, LATENCY_BOUNDS_S, type WorkerBeat } from '@pushfleet/shared/queue/worker-beats';
import type { ConnectionGovernor } from './apns/connection-governor.ts';
import type { LaneGate } from './lanes/lane-gate.ts';

export interface HeartbeatOptions {
  readonly version: string;
  readonly governor: Pick<ConnectionGovernor, 'state' | 'streamLimit' | 'inFlight'>;
  readonly gate: Pick<LaneGate, 'causes'>;
  write(beat: WorkerBeat): Promise<void>;
  remove(): Promise<void>;
  readonly log: Pick<Log, 'debug'>;
}

/**
 * Tells the board every two seconds how this worker is. Nothing depends on it: what fails is not repeated, and
 * the next beat says it anew.
 */
export class Heartbeat implements Stoppable {
  readonly name = 'heartbeat';
  readonly #startedAt = Date.now();
  readonly #dueToAccepted: number[] = new Array(LATENCY_BOUNDS_S.length + 1).fill(0);
  #answered = 0;
  #timer: NodeJS.Timeout | undefined;
  #writing: Promise<void> | null = null;

  constructor(private readonly options: HeartbeatOptions) {}

  start(): void {
    this.#beat();
    this.#timer = setInterval(() => this.#beat(), BEAT_EVERY_MS);
    this.#timer.unref();
  }

  answered(): void {
    this.#answered++;
  }

  accepted(recipients: number, sinceDueMs: number): void {
    const seconds = sinceDueMs / 1_000;
    let bucket = 0;
    while (bucket < LATENCY_BOUNDS_S.length && seconds > LATENCY_BOUNDS_S[bucket]!) bucket++;
    this.#dueToAccepted[bucket]! += recipients;
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    // Ten seconds of silence say the same: a Redis that hangs holds up no stop.
    const late = new Promise((resolve) => setTimeout(resolve, 500).unref());
    await Promise.race([this.#leave(), late]);
  }

  async #leave(): Promise<void> {
    await this.#writing;
    await this.options.remove().catch(() => {});
  }

  #beat(): void {
    // A Redis that does not answer gets one at a time.
    if (this.#writing !== null) return;
    const { governor, gate, version } = this.options;
    this.#writing = this.options
      .write({
        startedAt: this.#startedAt,
        version,
        connection: governor.state(),
        streamLimit: governor.streamLimit(),
        inFlight: governor.inFlight(),
        closedBy: [...gate.causes],
        answered: this.#answered,
        dueToAccepted: this.#dueToAccepted,
      })
      .catch((error) => {
        this.options.log.debug(
          { event: 'heartbeat.failed', err: error },
          'the board does not hear of this worker',
        );
      })
      .finally(() => {
        this.#writing = null;
      });
  }
}
