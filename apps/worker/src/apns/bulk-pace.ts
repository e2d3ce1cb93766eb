/**
 * How fast bulk may go while alerts come. Where a broadcast takes all the time that there is, an alert waits at each
 * of its steps: behind it in this event loop, and for a processor. So bulk then leaves some of the time free.
 */

/** Share of the time that the event loop may be busy: above the first it slows down, below the second it speeds up. */
const BUSY = 0.7;
const CALM = 0.6;
const LOOK_MS = 100;
/** Bulk does not give way to alerts that are further apart. */
const ALERTS_END_MS = 1_000;
const SLOWER = 0.9;
const FASTER = 1.2;
/** What bulk gives up is never more than this share of the pace that it was seen to have. */
const MOST_GIVEN_UP = 0.5;
/** Once it has used up what it may start it waits so long: many requests in one write cost less than each in its own. */
const REST_MS = 3;
/** What was not started in time is made up for within so many milliseconds: bursts are what alerts wait behind. */
const MADE_UP_MS = 20;
/** The pace that bulk would have is told anew: a limit of rate may have been lifted since. */
const TOLD_FOR_MS = 30_000;

/** @returns the share of the time since the last call in which the event loop was busy, 0 to 1 */
export type BusyShare = () => number;

export class BulkPace {
  /** Bulk requests in a millisecond. */
  #pace = Number.POSITIVE_INFINITY;
  #least = 0;
  #toldAt = 0;
  /** That of the look before, which bulk may have begun in the middle of. */
  #paceBefore = 0;
  #allowed = 0;
  #restedAt = 0;
  #started = 0;
  #alertAt = Number.NEGATIVE_INFINITY;
  #lookedAt = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(private readonly busyShare: BusyShare = eventLoopBusyShare()) {}

  alertStarted(): void {
    const now = performance.now();
    const apart = now - this.#alertAt;
    this.#alertAt = now;
    if (this.#timer !== undefined || apart > ALERTS_END_MS) return;
    this.busyShare();
    this.#started = 0;
    this.#lookedAt = now;
    this.#timer = setInterval(this.#look, LOOK_MS).unref();
  }

  /** Whether a bulk request may start now; if so it counts as started. Otherwise in a few milliseconds. */
  mayStart(): boolean {
    if (this.#pace !== Number.POSITIVE_INFINITY) {
      if (this.#allowed < 1 && !this.#hasRested()) return false;
      this.#allowed--;
    }
    this.#started++;
    return true;
  }

  /** One that might have started did not. */
  gaveBack(): void {
    this.#started--;
    this.#allowed++;
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#lift();
  }

  #hasRested(): boolean {
    const now = performance.now();
    const ms = now - this.#restedAt;
    if (ms < REST_MS) return false;
    this.#restedAt = now;
    this.#allowed += Math.max(1, Math.min(ms, MADE_UP_MS) * this.#pace);
    return true;
  }

  readonly #look = () => {
    const now = performance.now();
    if (now - this.#alertAt > ALERTS_END_MS) return this.stop();
    const busy = this.busyShare();
    const pace = this.#started / (now - this.#lookedAt);
    this.#lookedAt = now;
    this.#started = 0;
    if (this.#pace === Number.POSITIVE_INFINITY) this.#begin(busy, pace, now);
    else if (now - this.#toldAt > TOLD_FOR_MS) this.#lift();
    // What was started counts, not what might have been: what bulk could not use was no pace.
    else if (busy > BUSY) this.#pace = Math.max(this.#least, Math.min(this.#pace, pace) * SLOWER);
    else if (busy < CALM && pace > this.#pace * SLOWER) this.#pace *= FASTER;
  };

  #begin(busy: number, pace: number, now: number): void {
    // So few are not what keeps the event loop busy.
    const isBulk = busy > BUSY && pace * REST_MS >= 1;
    const before = this.#paceBefore;
    this.#paceBefore = isBulk ? pace : 0;
    if (!isBulk || before === 0) return;
    // Not of the look before, in which bulk also filled its window.
    this.#least = pace * (1 - MOST_GIVEN_UP);
    this.#pace = pace * SLOWER;
    this.#toldAt = now;
    this.#restedAt = now;
    this.#allowed = 0;
  }

  #lift(): void {
    this.#pace = Number.POSITIVE_INFINITY;
    this.#paceBefore = 0;
  }
}

function eventLoopBusyShare(): BusyShare {
  let last = performance.eventLoopUtilization();
  return () => {
    const since = performance.eventLoopUtilization(last);
    last = performance.eventLoopUtilization();
    return since.utilization;
  };
}
