/**
 * How fast bulk may go while alerts come. A worker that leaves its machine no moment makes an alert wait at each of
 * its steps, here and in Redis, for a processor; so it then keeps a third of its time free. Where APNs, the window
 * or the rate is the limit, the event loop has that time anyway and nothing is held back.
 */
/** Share of the time that the event loop may be busy: above the first it slows down, below the second it speeds up. */
const BUSY = 0.7;
const CALM = 0.6;
const LOOK_MS = 100;
/** Alerts that are further apart are not what bulk gives way to. */
const ALERTS_END_MS = 1_000;
const SLOWER = 0.9;
const FASTER = 1.2;
/** What bulk gives up is never more than this share of the pace that it had. */
const MOST_GIVEN_UP = 0.3;
/** Once it has used up what it may start it waits so long: many requests in one write cost less than each in its own. */
const REST_MS = 3;
/** What was not started in time is made up for within so many milliseconds: bursts are what alerts wait behind. */
const MADE_UP_MS = 2 * REST_MS;

/** @returns the share of the time since the last call in which the event loop was busy, 0 to 1 */
export type BusyShare = () => number;

export class BulkPace {
  #perMs = Number.POSITIVE_INFINITY;
  #least = 0;
  #allowed = 0;
  #restedAt = 0;
  #started = 0;
  #alertAt = Number.NEGATIVE_INFINITY;
  #lookedAt = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(private readonly busyShare: BusyShare = eventLoopBusyShare()) {}

  alertStarted(): void {
    this.#alertAt = performance.now();
    if (this.#timer !== undefined) return;
    this.busyShare();
    this.#started = 0;
    this.#lookedAt = this.#alertAt;
    this.#timer = setInterval(this.#look, LOOK_MS).unref();
  }

  /** Whether a bulk request may start now; if so it is counted. Otherwise in a few milliseconds. */
  mayStart(): boolean {
    this.#started++;
    if (this.#perMs === Number.POSITIVE_INFINITY) return true;
    if (this.#allowed < 1 && !this.#hasRested()) {
      this.#started--;
      return false;
    }
    this.#allowed--;
    return true;
  }

  #hasRested(): boolean {
    const now = performance.now();
    const ms = now - this.#restedAt;
    if (ms < REST_MS) return false;
    this.#restedAt = now;
    this.#allowed += Math.max(1, Math.min(ms, MADE_UP_MS) * this.#perMs);
    return true;
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#perMs = Number.POSITIVE_INFINITY;
  }

  readonly #look = () => {
    const now = performance.now();
    if (now - this.#alertAt > ALERTS_END_MS) return this.stop();
    const busy = this.busyShare();
    const perMs = this.#started / (now - this.#lookedAt);
    this.#lookedAt = now;
    this.#started = 0;
    if (this.#perMs === Number.POSITIVE_INFINITY) {
      if (busy <= BUSY || perMs === 0) return;
      this.#least = perMs * (1 - MOST_GIVEN_UP);
      this.#perMs = Math.max(this.#least, perMs * SLOWER);
    } else if (busy > BUSY) this.#perMs = Math.max(this.#least, this.#perMs * SLOWER);
    else if (busy < CALM) this.#perMs *= FASTER;
    // It starts far fewer than it may: something else is the limit by now.
    if (this.#perMs > 2 * this.#least && perMs < this.#perMs / 2) this.#perMs = Number.POSITIVE_INFINITY;
  };
}

function eventLoopBusyShare(): BusyShare {
  let last = performance.eventLoopUtilization();
  return () => {
    const since = performance.eventLoopUtilization(last);
    last = performance.eventLoopUtilization();
    return since.utilization;
  };
}
