/** So many of the latest answers are looked at: a moment's at full speed, the last minutes' of a quiet app. */
const LATEST = 200;
/** Fewer may be at fault themselves: a device that gets 500 each time says nothing about APNs. */
const LEAST_RECIPIENTS = 3;
/** Longer than a server takes to leave, or a connection that sticks at 500 to be replaced. */
const OUTAGE_AFTER_MS = 5_000;
/** What was answered before a silence of this length says nothing about now. */
const FORGOTTEN_AFTER_MS = 60_000;
/** Recipients that were spared get their next attempt, and a service that comes back has relapses. */
const SPARES_AFTER_MS = 60_000;
/** After an outage so many answers count as served, lest the first 5xx of one device be the next outage. */
const TRUST = 10;

/**
 * Tells an outage of APNs from a device that it cannot serve: for five seconds more than half of the answers
 * have been 5xx, to three recipients at least. Answers of any other kind, refusals too, show that it works.
 */
export class OutageWatch {
  readonly #latest = new Uint8Array(LATEST);
  readonly #failing = new Set<string>();
  #noted = 0;
  #errors = 0;
  #notedAt = Number.NEGATIVE_INFINITY;
  #mostlySince: number | null = null;
  #outageAt = Number.NEGATIVE_INFINITY;

  constructor(private readonly afterMs = OUTAGE_AFTER_MS) {}

  /**
   * Takes in one answer.
   *
   * @param recipient whom it is about
   * @param now when it came, of performance.now()
   * @returns whether it was one more 5xx of an outage
   */
  note(isServerError: boolean, recipient: string, now = performance.now()): boolean {
    if (now - this.#notedAt > FORGOTTEN_AFTER_MS) this.#forget(0);
    this.#notedAt = now;
    const at = this.#noted++ % LATEST;
    this.#errors += Number(isServerError) - this.#latest[at]!;
    this.#latest[at] = Number(isServerError);
    if (this.#errors * 2 <= Math.min(this.#noted, LATEST)) {
      this.#mostlySince = null;
      // A set that is cleared takes new memory, and this is passed by every answer.
      if (this.#failing.size > 0) this.#failing.clear();
      return false;
    }
    this.#mostlySince ??= now;
    if (isServerError && this.#failing.size < LEAST_RECIPIENTS) this.#failing.add(recipient);
    const isOutage = now - this.#mostlySince >= this.afterMs && this.#failing.size >= LEAST_RECIPIENTS;
    if (!isServerError || !isOutage) return false;
    this.#outageAt = now;
    return true;
  }

  /** Whether an outage was seen in the last minute. */
  get isRecent(): boolean {
    return performance.now() - this.#outageAt < SPARES_AFTER_MS;
  }

  /** APNs serves again: what it answered before counts no more. */
  ended(): void {
    this.#forget(TRUST);
    this.#outageAt = performance.now();
  }

  #forget(served: number): void {
    this.#latest.fill(0);
    this.#failing.clear();
    this.#noted = served;
    this.#errors = 0;
    this.#mostlySince = null;
  }
}
