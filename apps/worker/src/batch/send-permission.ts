import { setTimeout as sleep } from 'node:timers/promises';
import type { BatchJob } from '@pushfleet/shared/domain/batch-job';
import type { RunHold } from '../lanes/run-hold.ts';
import type { SendBreaker } from '../send-breaker.ts';
import { TOPIC_DISALLOWED } from '../topic-breakers.ts';
import type { RunCheckpoints } from './run-checkpoints.ts';
import type { SendingParts } from './sending-parts.ts';

/** No request starts while an answer is older and in no acknowledged checkpoint (F18). */
const UNSAVED_MS = 200;
/** No request starts when the lock may run out within this time: its answer would belong to another run. */
const LOCK_MARGIN_MS = 2_000;
const LOOK_AGAIN_MS = 10;
/** A worker with another credential may take the batch sooner than our topic is probed. */
const TOPIC_BACK_MS = 10_000;
const NOT_THE_PROBE_MS = 1_000;

/** `granted` and `probe` hold a slot of the connection. `probe`: the only one until its answer is there. */
export type Permission = 'granted' | 'probe' | 'denied';
export type StopCause = 'cancelled' | 'expired' | 'held' | 'halted';

/**
 * Asks, before each request of a run, everything that must allow it. Checked against clocks each time,
 * never by a timer: timers fire late after a process was stopped for a while. Both clocks are read once for
 * each request (`performance.now()` and milliseconds since 1970): a dozen readings cost as much as the rest.
 */
export class SendPermission {
  #stopCause: StopCause | null = null;
  readonly #topicBreaker: SendBreaker | null;

  constructor(
    private readonly job: BatchJob,
    private readonly hold: RunHold,
    private readonly checkpoints: RunCheckpoints,
    private readonly parts: SendingParts,
  ) {
    this.#topicBreaker = parts.topicBreakers.of(job.topic);
  }

  /** Why the run must send nothing more, once it was denied. */
  get stopCause(): StopCause | null {
    return this.#stopCause;
  }

  /**
   * Why it is over for those who wait, although nobody was due and so nobody was asked for: else their job would
   * come back from a deadline that has passed, again and again, until their time to be tried.
   */
  overCause(): StopCause | null {
    const verdict = this.#verdict();
    return verdict === 'expired' || verdict === 'cancelled' ? verdict : null;
  }

  /** Answers at once where nothing has to be waited for, which is nearly always. */
  ask(mono = performance.now(), wall = Date.now()): Permission | Promise<Permission> {
    const { breaker, governor, limiter } = this.parts;
    const { lane } = this.job;
    const isPlain = breaker.state === 'closed' && this.#topicBreaker === null;
    if (isPlain && this.#verdict(mono, wall) === 'allowed' && governor.tryAcquire(lane)) {
      if (limiter.tryTake(lane, mono)) return 'granted';
      governor.release(lane);
    }
    return this.#askAndWait();
  }

  async #askAndWait(): Promise<Permission> {
    const { governor, limiter } = this.parts;
    const { lane } = this.job;
    const { signal } = this.hold;
    while (await this.#untilAllowed()) {
      const pass = this.#pass();
      if (pass === 'wait') {
        await pause(LOOK_AGAIN_MS, signal);
        continue;
      }
      // The slot first: a share of the rate that waits for a slot would come on top of a later second.
      let held = governor.tryAcquire(lane);
      let waited = false;
      try {
        if (!held) {
          waited = true;
          await governor.acquire(lane, signal);
          held = true;
        }
        if (!limiter.tryTake(lane)) {
          waited = true;
          await limiter.take(lane, signal);
        }
      } catch {
        if (held) governor.release(lane);
        if (pass === 'probe') this.giveUpProbe();
        if (!signal.aborted) this.hold.halt('stopping'); // the connection is closed for good
        continue;
      }
      if (!waited || this.#verdict() === 'allowed') return pass === 'probe' ? 'probe' : 'granted';
      governor.release(lane);
      if (pass === 'probe') this.giveUpProbe();
    }
    return 'denied';
  }

  /** The probe that was granted is not sent, or its answer will not be heard. */
  giveUpProbe(): void {
    this.parts.breaker.probeGivenUp();
    this.#topicBreaker?.probeGivenUp();
  }

  /** Both breakers must let it pass; it is a probe for either. */
  #pass(): 'go' | 'probe' | 'wait' {
    const topic = this.#topicBreaker?.pass() ?? 'go';
    // Nothing closes the lanes for the sake of a topic: its runs leave by themselves.
    const { breaker } = this.parts;
    if (this.#topicBreaker?.state === 'open' && !this.#topicBreaker.isDue)
      this.hold.halt('breaker', Math.min(this.#topicBreaker.probeAt, Date.now() + TOPIC_BACK_MS));
    if (topic === 'wait') return 'wait';
    // What was said of the app's own topic a push to another one cannot disprove.
    if (this.#topicBreaker !== null && breaker.state !== 'closed' && breaker.reason === TOPIC_DISALLOWED) {
      if (topic === 'probe') this.#topicBreaker.probeGivenUp();
      this.hold.halt('breaker', Date.now() + NOT_THE_PROBE_MS);
      return 'wait';
    }
    const app = breaker.pass();
    if (app === 'wait' && topic === 'probe') this.#topicBreaker?.probeGivenUp();
    return app === 'go' ? topic : app;
  }

  async #untilAllowed(): Promise<boolean> {
    for (;;) {
      const verdict = this.#verdict();
      if (verdict === 'allowed') return true;
      if (verdict !== 'wait') {
        this.#stopCause = verdict;
        return false;
      }
      await pause(LOOK_AGAIN_MS, this.hold.signal);
    }
  }

  #verdict(mono = performance.now(), wall = Date.now()): 'allowed' | 'wait' | StopCause {
    if (this.hold.haltedBy !== null) return 'halted';
    if (this.parts.control.isCancelled(this.job.dispatch)) return 'cancelled';
    if (wall >= this.job.deadline) return 'expired';
    if (this.parts.control.isHeld(this.job.dispatch)) return 'held';
    if (this.checkpoints.unsavedForMs(mono) > UNSAVED_MS) return 'wait';
    if (this.hold.lockAgeMs(mono, wall) > this.parts.lockDurationMs - LOCK_MARGIN_MS) return 'wait';
    // Whoever watches the control copy halts this run in a moment.
    if (this.parts.control.current(mono) === null) return 'wait';
    return 'allowed';
  }
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => {});
}
