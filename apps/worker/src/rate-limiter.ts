import { setTimeout as sleep } from 'node:timers/promises';
import { LANES, type Lane } from '@pushfleet/shared/domain/lanes';
import type { Log } from '@pushfleet/shared/platform/log';
import { GRANT_VALID_MS, type RateAnswer } from '@pushfleet/shared/queue/rate-bucket';

export interface RateLimiterOptions {
  /** Asks the fleet's bucket for so many pushes. */
  readonly ask: (lane: Lane, wanted: number) => Promise<RateAnswer>;
  /** Whether the app has no limit, as far as the control copy says. */
  readonly isUnlimited: (mono?: number) => boolean;
  readonly log: Log;
}

/** A rate that was raised counts from the next asking on. */
const LONGEST_WAIT_MS = 250;

interface Waiter {
  grant(): void;
  readonly signal: AbortSignal;
}

interface LaneState {
  left: number;
  /** performance.now() milliseconds; what is left is void afterwards. */
  validUntil: number;
  /** How many the last grant gave, of which some are left. */
  granted: number;
  /** performance.now() milliseconds: the bucket has nothing for this lane before. */
  nextAt: number;
  asking: boolean;
  readonly waiting: Set<Waiter>;
}

/**
 * This worker's end of the fleet's rate: spends small slices of it, push by push, and asks for the next
 * slice only when somebody wants to send.
 */
export class RateLimiter {
  readonly #lanes = new Map<Lane, LaneState>(
    LANES.map((lane) => [
      lane,
      { left: 0, validUntil: 0, granted: 0, nextAt: 0, asking: false, waiting: new Set() },
    ]),
  );

  constructor(private readonly options: RateLimiterOptions) {}

  /** Takes one push if that needs no waiting. */
  tryTake(lane: Lane, mono?: number): boolean {
    if (this.options.isUnlimited(mono)) return true;
    const state = this.#lanes.get(lane)!;
    return state.waiting.size === 0 && spend(state);
  }

  /** Takes one push, in the order of asking. Rejects with the signal's reason. */
  take(lane: Lane, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return Promise.reject(signal.reason);
    if (this.tryTake(lane)) return Promise.resolve();
    const state = this.#lanes.get(lane)!;
    return new Promise((resolve, reject) => {
      const onAbort = () => {
        state.waiting.delete(waiter);
        reject(signal.reason);
      };
      const waiter: Waiter = {
        signal,
        grant() {
          signal.removeEventListener('abort', onAbort);
          resolve();
        },
      };
      signal.addEventListener('abort', onAbort, { once: true });
      state.waiting.add(waiter);
      void this.#serve(lane, state);
    });
  }

  async #serve(lane: Lane, state: LaneState): Promise<void> {
    if (state.asking) return;
    state.asking = true;
    try {
      while (state.waiting.size > 0) {
        if (!grantNext(state, this.options.isUnlimited())) await this.#refill(lane, state);
      }
    } finally {
      state.asking = false;
    }
  }

  async #refill(lane: Lane, state: LaneState): Promise<void> {
    try {
      const early = state.nextAt - performance.now();
      if (early > 0) {
        state.nextAt = 0;
        await sleep(Math.min(early, LONGEST_WAIT_MS));
        return;
      }
      const answer = await this.options.ask(lane, wanted(state));
      if (answer.kind === 'wait') {
        // Who asks for less gets it sooner: else whoever is nearest to Redis would always be first.
        state.granted = Math.floor(state.granted / 4);
        await sleep(Math.min(answer.ms, LONGEST_WAIT_MS));
        return;
      }
      state.granted = answer.kind === 'unlimited' ? state.waiting.size : answer.pushes;
      state.left = state.granted;
      const now = performance.now();
      state.validUntil = now + GRANT_VALID_MS;
      state.nextAt = answer.kind === 'unlimited' ? 0 : now + answer.nextInMs;
    } catch (error) {
      this.options.log.debug({ event: 'rate.unreachable', err: error }, 'the rate bucket cannot be asked');
      await sleep(200);
    }
  }
}

/**
 * Who waits may have more to send behind it: a grant that was spent is followed by one twice as large. A bucket
 * that gave more than is sent would keep it from others.
 */
function wanted({ left, granted, waiting }: LaneState): number {
  return Math.max(waiting.size, left < 1 ? 2 * granted : 0);
}

function grantNext(state: LaneState, isUnlimited: boolean): boolean {
  if (!isUnlimited && !spend(state)) return false;
  for (const waiter of state.waiting) {
    state.waiting.delete(waiter);
    waiter.grant();
    break;
  }
  return true;
}

function spend(state: LaneState): boolean {
  if (state.left < 1 || performance.now() > state.validUntil) return false;
  state.left--;
  return true;
}
