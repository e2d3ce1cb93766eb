import type { Log } from '@pushfleet/shared/platform/log';
import type { ControlCopy } from '@pushfleet/shared/queue/control-copy';

const POLL_MS = 250;
/** A copy that was last seen longer ago counts as none. */
const STALE_MS = 2_000;
/** So long a producer has to look through a Redis that was started again; without one, work goes on. */
const UNKNOWN_AT_MOST_MS = 10_000;

export interface ControlWatchOptions {
  /** Null where there is no copy. May hang or reject while Redis is away. */
  readonly read: () => Promise<ControlCopy | null>;
  /** The run of the Redis server that was read from; null where it has none that can be told. */
  readonly readServer: () => Promise<string | null>;
  /**
   * Told false at the loss of a connection, and true when a producer has removed the jobs of finished batches
   * from the server that answers now: one that was started with older data brings them back (F19).
   */
  readonly onServer: (isKnown: boolean) => void;
  readonly log: Log;
}

/**
 * Follows the operators' decisions (pause, rate, cancel) by polling their copy in Redis: a poll cannot
 * miss what a message could. A missing copy, or none for two seconds, is null: nothing is sent then.
 */
export class ControlWatch {
  #copy: ControlCopy | null = null;
  #seenAt = Number.NEGATIVE_INFINITY;
  #cancelled: ReadonlySet<number> = new Set();
  #held: ReadonlySet<number> = new Set();
  #knowsServer = false;
  #unknownSince: number | null = null;
  #timer: NodeJS.Timeout | undefined;
  #reading = false;
  #told: string | undefined;
  readonly #listeners: ((copy: ControlCopy | null) => void)[] = [];

  constructor(private readonly options: ControlWatchOptions) {}

  start(): void {
    this.#timer ??= setInterval(() => void this.poll(), POLL_MS);
    void this.poll();
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** Checked against the clock at each call: timers fire late after a process was stopped for a while. */
  current(mono = performance.now()): ControlCopy | null {
    return mono - this.#seenAt <= STALE_MS ? this.#copy : null;
  }

  /** Redis answers, and has no copy: it was emptied, or no producer was ever here. */
  get isMissing(): boolean {
    return this.#copy === null && performance.now() - this.#seenAt <= STALE_MS;
  }

  /** To be called when the connection to Redis is lost. */
  forgetServer(): void {
    this.#knowsServer = false;
    this.#unknownSince = null;
    this.options.onServer(false);
  }

  isCancelled(dispatch: number): boolean {
    return this.#cancelled.has(dispatch);
  }

  /** Whether the brake holds it: who waits, waits in MySQL. */
  isHeld(dispatch: number): boolean {
    return this.#held.has(dispatch);
  }

  /** Told the copy at the first reading and whenever it is another one. */
  onChange(listener: (copy: ControlCopy | null) => void): void {
    this.#listeners.push(listener);
  }

  /** One reading; also tells when the copy has gone stale while a reading hangs. */
  async poll(): Promise<void> {
    if (this.#reading) {
      this.#tell();
      return;
    }
    this.#reading = true;
    const askedAt = performance.now();
    try {
      const copy = await this.options.read();
      if (!this.#knowsServer && copy !== null) await this.#recognise(copy);
      this.#copy = copy;
      this.#seenAt = askedAt;
      this.#cancelled = new Set(copy?.cancelled);
      this.#held = new Set(copy?.held);
    } catch (error) {
      this.options.log.debug({ event: 'control.unreadable', err: error }, 'the control copy cannot be read');
    } finally {
      this.#reading = false;
    }
    this.#tell();
  }

  async #recognise(copy: ControlCopy): Promise<void> {
    if (copy.server !== undefined && copy.server !== (await this.options.readServer())) {
      const now = performance.now();
      this.#unknownSince ??= now;
      if (now - this.#unknownSince < UNKNOWN_AT_MOST_MS) return;
      this.options.log.warn(
        { event: 'redis.unknown' },
        'Redis was started again and no producer has looked through it for 10 s; sending goes on, and may repeat what was sent before. Is a producer running?',
      );
    }
    this.#knowsServer = true;
    this.options.onServer(true);
  }

  #tell(): void {
    const copy = this.current();
    const text = JSON.stringify(copy);
    if (text === this.#told) return;
    this.#told = text;
    for (const listener of this.#listeners) listener(copy);
  }
}
