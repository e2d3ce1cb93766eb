import type { GateCause } from './lane-gate.ts';

/** Why a run must start no further request. `lost`: another run, or nobody, owns the job now. */
export type HaltCause = GateCause | 'lost';

/**
 * A run's hold on its job: when its lock was last certainly renewed, and whether it may go on. Times of
 * both clocks, since one stands still and the other jumps while a machine sleeps.
 */
export class RunHold {
  #haltedBy: HaltCause | null = null;
  readonly #abort = new AbortController();
  #renewedMono: number;
  #renewedWall: number;
  /** Answers in flight are waited for until then (performance.now() milliseconds). */
  drainUntil = Number.POSITIVE_INFINITY;
  #backAt: number | null = null;

  /** @param lockedAt milliseconds since 1970: when the worker asked for the job */
  constructor(lockedAt: number) {
    this.#renewedWall = lockedAt;
    this.#renewedMono = performance.now() - Math.max(0, Date.now() - lockedAt);
  }

  get haltedBy(): HaltCause | null {
    return this.#haltedBy;
  }

  /** Aborted when the run is halted. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** Milliseconds since 1970: when the job may run again; null: at once, by any worker. */
  get backAt(): number | null {
    return this.#backAt;
  }

  /**
   * A run that lost its job stays lost, whatever else happens.
   *
   * @param backAt where the lane stays open, and the job would be back here at once
   */
  halt(cause: HaltCause, backAt: number | null = null): void {
    if (this.#haltedBy === null) this.#backAt = backAt;
    if (this.#haltedBy === null || cause === 'lost') this.#haltedBy = cause;
    this.#abort.abort(cause);
  }

  /** @param mono, wall when the renewal that Redis has acknowledged was asked for */
  renewed(mono: number, wall: number): void {
    this.#renewedMono = mono;
    this.#renewedWall = wall;
  }

  /** Milliseconds since the last acknowledged renewal, by the clock that says more. */
  lockAgeMs(mono = performance.now(), wall = Date.now()): number {
    return Math.max(mono - this.#renewedMono, wall - this.#renewedWall);
  }
}
