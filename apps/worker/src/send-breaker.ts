import type { Log } from '@pushfleet/shared/platform/log';

const PROBE_AFTER_MS = [1_000, 2_000, 5_000, 10_000, 30_000, 60_000];
/** Answers about a stale provider token are resent on a new connection; so many in a row are a fault. */
const STALE_IN_A_ROW = 3;
const STALE_SPACING_MS = 1_000;

export interface SendBreakerOptions {
  readonly app: string;
  /** Left out: all that the app sends. */
  readonly topic?: string;
  readonly log: Log;
  /** `open`: nothing is sent. `probing`: one job may send one push. */
  readonly onState: (state: BreakerState) => void;
}

export type BreakerState = 'closed' | 'open' | 'probing';

/**
 * Stops this worker when APNs refuses our credential or topic: the device is not at fault, so nobody pays
 * with an attempt. One push at growing intervals finds out whether it was mended.
 */
export class SendBreaker {
  #state: BreakerState = 'closed';
  #probeTaken = false;
  #step = 0;
  #probeAt = 0;
  #timer: NodeJS.Timeout | undefined;
  #stale = 0;
  #staleAt = Number.NEGATIVE_INFINITY;

  constructor(private readonly options: SendBreakerOptions) {}

  get state(): BreakerState {
    return this.#state;
  }

  /** Milliseconds since 1970: when handed-back recipients may be tried again. */
  get probeAt(): number {
    return this.#probeAt;
  }

  /** Asked before each push. Who gets `probe` sends one and tells `probeAnswered`, or `probeGivenUp`. */
  pass(): 'go' | 'probe' | 'wait' {
    if (this.#state === 'closed') return 'go';
    if (this.#state === 'open' || this.#probeTaken) return 'wait';
    this.#probeTaken = true;
    return 'probe';
  }

  /** An answer that accuses our credential or topic. */
  refused(reason: string): void {
    if (this.#state === 'closed') this.#open(reason);
  }

  /** An answer that says our provider token, or the connection's, is stale. */
  stale(reason: string): void {
    const now = performance.now();
    if (now - this.#staleAt < STALE_SPACING_MS) return; // a whole window of them is one event
    this.#staleAt = now;
    if (++this.#stale >= STALE_IN_A_ROW) this.refused(reason);
  }

  accepted(): void {
    this.#stale = 0;
  }

  /** `unclear`: no answer, or one that says nothing about us. */
  probeAnswered(answer: 'passed' | 'refused' | 'unclear', reason: string): void {
    if (this.#state !== 'probing') return;
    this.#probeTaken = false;
    if (answer === 'passed') {
      this.#step = 0;
      this.#stale = 0;
      const { app, topic } = this.options;
      if (topic === undefined)
        this.options.log.info(
          { event: 'app.resumed', app },
          'APNs accepts our credential again; app resumed',
        );
      else this.options.log.info({ event: 'topic.resumed', app, topic }, 'APNs accepts pushes to this topic');
      this.#set('closed');
      return;
    }
    if (answer === 'refused') this.#step = Math.min(this.#step + 1, PROBE_AFTER_MS.length - 1);
    this.#open(reason);
  }

  /** The probe was not sent after all. */
  probeGivenUp(): void {
    this.#probeTaken = false;
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  #open(reason: string): void {
    const probeInMs = PROBE_AFTER_MS[this.#step]!;
    this.#probeAt = Date.now() + probeInMs;
    const { app, topic } = this.options;
    if (topic === undefined)
      this.options.log.error(
        { event: 'app.stopped', app, reason, probeInMs },
        'APNs refuses our credential or topic; this worker sends nothing but a probe',
      );
    else
      this.options.log.error(
        { event: 'topic.stopped', app, topic, reason, probeInMs },
        'our credential may not push to this topic; other topics go on',
      );
    this.#timer = setTimeout(() => this.#set('probing'), probeInMs);
    this.#set('open');
  }

  #set(state: BreakerState): void {
    this.#state = state;
    this.options.onState(state);
  }
}
