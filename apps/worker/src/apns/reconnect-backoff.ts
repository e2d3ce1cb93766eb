/**
 * When to connect again. Apple takes repeated opening and closing for an attack (A-conn), so only a
 * connection that proved itself lets the next one start at once. Pure but for its two counters.
 */

const FIRST_MS = 1_000;
const LONGEST_MS = 60_000;
/** A short, spread wait, so that a fleet whose connections end together does not return together. */
const HEALTHY_SPREAD_MS = 250;
/** A connection that lived this long is not part of a flapping series. */
const STEADY_MS = 10_000;
/** So many pushes accepted are worth a connect: such a connection was no attempt in vain, whoever ended it. */
const WORTH_A_CONNECT = 20;
/** So many short-lived connections in a row may follow each other at once. */
const FREE_QUICK_ENDS = 3;

export interface ConnectionEnd {
  /** The server's first SETTINGS were seen. Connecting alone resets nothing: a dying server still accepts TCP. */
  readonly settingsSeen: boolean;
  /** Pushes accepted. */
  readonly accepted: number;
  readonly livedMs: number;
}

export class ReconnectBackoff {
  #failures = 0;
  #quickEnds = 0;

  constructor(private readonly random: () => number = Math.random) {}

  /** Milliseconds to wait before the next connect. */
  afterEnd({ settingsSeen, accepted, livedMs }: ConnectionEnd): number {
    const steady = livedMs >= STEADY_MS;
    if (!settingsSeen || !(accepted > 0 || steady)) return this.#step(++this.#failures);
    this.#failures = 0;
    this.#quickEnds = steady ? 0 : this.#quickEnds + 1;
    const step = this.#quickEnds - FREE_QUICK_ENDS;
    // A server that closes after some pushes each (GOAWAY storm) is followed at its pace, once a second at most.
    return this.#step(accepted >= WORTH_A_CONNECT ? Math.min(step, 1) : step);
  }

  #step(step: number): number {
    if (step <= 0) return Math.round(this.random() * HEALTHY_SPREAD_MS);
    const full = Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(step - 1, 10));
    return Math.round(full * (0.5 + this.random() / 2));
  }
}
