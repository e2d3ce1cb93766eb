import { setTimeout as sleep } from 'node:timers/promises';

/** Something that `up` started. */
export interface Started {
  readonly name: string;
  /** In which it is stopped: see STOP_ORDER. */
  readonly kind: (typeof STOP_ORDER)[number];
  stop(): Promise<void>;
  /** At once, whatever is lost. */
  kill(): void;
}

/** Who still needs others is stopped before them. */
export const STOP_ORDER = ['worker', 'producer', 'board', 'simulator', 'server'] as const;

/** npm passes Ctrl-C on although the terminal has told us already: only a later one is a second wish. */
const SECOND_SIGNAL_AFTER_MS = 700;

/** Knows everything that was started, and stops it in order, however `up` ends. */
export class Shutdown {
  readonly #started: Started[] = [];
  readonly #controller = new AbortController();
  #signalledAt: number | undefined;
  readonly #onSignal = () => this.#signalled();

  constructor(private readonly onSecondSignal: () => void) {
    for (const name of SIGNALS) process.on(name, this.#onSignal);
  }

  /** Aborted by the first signal. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  add<T extends Started>(started: T): T {
    this.#started.push(started);
    return started;
  }

  get names(): string[] {
    return STOP_ORDER.flatMap((kind) => this.#started.filter((one) => one.kind === kind)).map(
      ({ name }) => name,
    );
  }

  /** Stops everything; what fails to stop does not keep the rest from being stopped. */
  async stopAll(): Promise<void> {
    for (const kind of STOP_ORDER)
      await Promise.allSettled(this.#started.filter((one) => one.kind === kind).map((one) => one.stop()));
    for (const name of SIGNALS) process.off(name, this.#onSignal);
  }

  /** Resolves after the first signal. */
  async signalled(): Promise<void> {
    await sleep(2 ** 31 - 1, undefined, { signal: this.signal }).catch(() => {});
  }

  #signalled(): void {
    const now = performance.now();
    if (this.#signalledAt === undefined) {
      this.#signalledAt = now;
      this.#controller.abort(new Interrupted());
      return;
    }
    if (now - this.#signalledAt < SECOND_SIGNAL_AFTER_MS) return;
    for (const one of this.#started) one.kill();
    this.onSecondSignal();
  }
}

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** The person wants it to stop; no failure. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted';
}
