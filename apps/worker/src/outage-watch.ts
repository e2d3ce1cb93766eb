/** So many of the latest answers are looked at: a moment's at full speed, the last minutes' of a quiet app. */
const LATEST = 200;
/** Fewer may be about the devices. */
const LEAST_ERRORS = 3;
/** Longer than a server takes to leave, or a connection that sticks at 500 to be replaced. */
const OUTAGE_AFTER_MS = 5_000;
/** Recipients that were spared get their next attempt, and a service that comes back has relapses. */
const SPARES_AFTER_MS = 60_000;

/**
 * Tells an outage of APNs from a device that it cannot serve: for five seconds more than half of the answers
 * have been 5xx. Answers of any other kind, refusals too, show that it works.
 */
export class OutageWatch {
  readonly #latest = new Uint8Array(LATEST);
  #noted = 0;
  #errors = 0;
  #mostlySince: number | null = null;
  #outageAt = Number.NEGATIVE_INFINITY;

  constructor(private readonly afterMs = OUTAGE_AFTER_MS) {}

  /**
   * Takes in one answer.
   *
   * @returns whether it was one more 5xx of an outage
   */
  note(isServerError: boolean): boolean {
    const now = performance.now();
    const at = this.#noted++ % LATEST;
    this.#errors += Number(isServerError) - this.#latest[at]!;
    this.#latest[at] = Number(isServerError);
    if (this.#errors * 2 <= Math.min(this.#noted, LATEST)) this.#mostlySince = null;
    else this.#mostlySince ??= now;
    const isOutage = this.#mostlySince !== null && now - this.#mostlySince >= this.afterMs;
    if (!isServerError || !isOutage || this.#errors < LEAST_ERRORS) return false;
    this.#outageAt = now;
    return true;
  }

  /** Whether an outage was seen in the last minute. */
  get isRecent(): boolean {
    return performance.now() - this.#outageAt < SPARES_AFTER_MS;
  }

  /** APNs serves again: what it answered before counts no more. */
  ended(): void {
    this.#latest.fill(0);
    this.#noted = 0;
    this.#errors = 0;
    this.#mostlySince = null;
    this.#outageAt = performance.now();
  }
}
