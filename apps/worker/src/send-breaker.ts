import type { Log } from '@pushfleet/shared/platform/log';
import { APNS_UNAVAILABLE, type OpenBreaker, type ProbeAnswer } from '@pushfleet/shared/queue/breaker';
import { OutageWatch } from './outage-watch.ts';

/** Until Redis has told when the fleet's probe is due. */
const FIRST_PROBE_MS = 1_000;
/** Answers about a stale provider token are resent on a new connection; so many in a row are a fault. */
const STALE_IN_A_ROW = 3;
const STALE_SPACING_MS = 1_000;
/** A right to probe that was not renewed for so long may be another worker's by now. */
const LEASE_TRUSTED_MS = 8_000;
/** How long a topic's probe is kept for a run that asked for it. */
const WANTED_MS = 2_000;
/** Another worker probes: how soon its answer is looked for. */
const OTHERS_PROBE_MS = 500;
const SILENT_PROBE_MS = 60_000;

export interface SendBreakerOptions {
  readonly app: string;
  /** Names our credential. */
  readonly credential: string;
  /** Left out: all that the app sends. */
  readonly topic?: string;
  readonly log: Log;
  /** `open`: nothing is sent. `probing`: one job may send one push. */
  readonly onState: (state: BreakerState) => void;
  /** There is something to tell the fleet, or a probe is wanted. */
  readonly onNews?: () => void;
  /** How long APNs must answer mostly 5xx to be down. Default 5 s. */
  readonly outageAfterMs?: number;
}

export type BreakerState = 'closed' | 'open' | 'probing';

/** What the fleet must hear of this worker. */
export type BreakerNews =
  | { readonly kind: 'refused'; readonly reason: string }
  | { readonly kind: 'probe'; readonly answer: ProbeAnswer; readonly reason: string };

/**
 * Stops this worker when APNs refuses our credential or topic, or is down: the device is not at fault, so
 * nobody fails by it. Every worker with the same credential stops with it, and one push by one of them at
 * growing intervals finds out whether it was mended. What the fleet knows comes in by `follow`, what it must
 * hear goes out by `takeNews`: see BreakerWatch.
 */
export class SendBreaker {
  #state: BreakerState = 'closed';
  #reason = '';
  #since: number | null = null;
  #probeTaken = false;
  #probeAt = 0;
  #leasedAt = 0;
  #probingSince = 0;
  #wantedAt = Number.NEGATIVE_INFINITY;
  #stale = 0;
  #staleAt = Number.NEGATIVE_INFINITY;
  #news: BreakerNews | null = null;
  readonly #outage: OutageWatch;

  constructor(private readonly options: SendBreakerOptions) {
    this.#outage = new OutageWatch(options.outageAfterMs);
  }

  get state(): BreakerState {
    return this.#state;
  }

  get topic(): string | undefined {
    return this.options.topic;
  }

  /** What APNs said, while it is not closed. */
  get reason(): string {
    return this.#reason;
  }

  /** Milliseconds since 1970: when the fleet first heard of it; null while it is closed. */
  get since(): number | null {
    return this.#since;
  }

  /** Milliseconds since 1970: when handed-back recipients may be tried again. */
  get probeAt(): number {
    return this.#probeAt;
  }

  /** Whether a run that was told to wait may soon be the probe. */
  get isDue(): boolean {
    return this.#state === 'probing' || Date.now() >= this.#probeAt;
  }

  /** Asked before each push. Who gets `probe` sends one and tells `probeAnswered`, or `probeGivenUp`. */
  pass(): 'go' | 'probe' | 'wait' {
    if (this.#state === 'closed') return 'go';
    this.#wantedAt = performance.now();
    if (this.#state === 'open') {
      if (this.isDue) this.options.onNews?.();
      return 'wait';
    }
    // Checked inline: this process may have been stopped for a while.
    if (this.#probeTaken || performance.now() - this.#leasedAt > LEASE_TRUSTED_MS) return 'wait';
    this.#probeTaken = true;
    return 'probe';
  }

  /** An answer that accuses our credential or topic. */
  refused(reason: string): void {
    if (this.#state !== 'closed') return;
    const { app, credential, topic, log } = this.options;
    log.warn(
      { event: 'credential.refused', app, credential, topic, reason },
      topic === undefined
        ? 'APNs refuses our credential or topic; every worker with this credential stops'
        : 'our credential may not push to this topic; other topics go on',
    );
    this.#stop(reason);
  }

  /** Each answer of APNs'. Opens when most of them are 5xx. */
  answered(isServerError: boolean, recipient: string, mono?: number): void {
    if (!this.#outage.note(isServerError, recipient, mono) || this.#state !== 'closed') return;
    const { app, credential, log } = this.options;
    log.warn(
      { event: 'apns.unavailable', app, credential },
      'APNs answers most pushes with 5xx; every worker with this credential stops, and one probes',
    );
    this.#stop(APNS_UNAVAILABLE);
  }

  /** Whether a 5xx of this moment is the fault of APNs as a whole: nobody fails by it. */
  get sparesAttempts(): boolean {
    return this.#reason === APNS_UNAVAILABLE || this.#outage.isRecent;
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

  /** `unclear`: no answer, or one that says nothing about us. `unavailable`: 5xx. */
  probeAnswered(seen: 'passed' | 'refused' | 'unavailable' | 'unclear', reason: string): void {
    if (this.#state !== 'probing') return;
    const isStillDown = seen === 'unavailable' && this.#reason === APNS_UNAVAILABLE;
    const answer = isStillDown ? 'refused' : seen === 'unavailable' ? 'unclear' : seen;
    const why = isStillDown || answer === 'unclear' ? this.#reason : reason;
    this.#tell({ kind: 'probe', answer, reason: why });
    if (answer === 'passed') {
      this.#close();
      return;
    }
    const { app, credential, topic, log } = this.options;
    log.warn({ event: 'probe.answered', app, credential, topic, answer, reason }, 'a probe did not pass');
    this.#open(why, this.#since ?? Date.now(), FIRST_PROBE_MS);
  }

  /** The probe was not sent after all. */
  probeGivenUp(): void {
    this.#probeTaken = false;
  }

  /** What the fleet has not heard yet. It stays until `told`. */
  get news(): BreakerNews | null {
    return this.#news;
  }

  told(news: BreakerNews): void {
    if (this.#news === news) this.#news = null;
  }

  /**
   * What the fleet knows. A reading that began before it has heard of ours says nothing.
   *
   * @param seen null: the fleet knows of nothing against us
   */
  follow(seen: OpenBreaker | null): void {
    if (this.#news !== null) return;
    if (seen === null) {
      if (this.#state !== 'closed') this.#close();
      return;
    }
    this.#reason = seen.reason;
    this.#since = seen.since;
    if (this.#state !== 'probing') this.#probeAt = Date.now() + seen.probeInMs;
    if (this.#state === 'closed') this.#open(seen.reason, seen.since, seen.probeInMs);
  }

  /**
   * Whether this worker should ask for the fleet's right to probe, or keep it.
   *
   * @param canSend nothing else keeps this worker from sending
   */
  wantsProbe(canSend: boolean): boolean {
    if (this.#state === 'closed' || !canSend || this.#news !== null) return false;
    if (this.#state === 'open' && !this.isDue) return false;
    // Of a topic there may be no push for hours: only for a run that asked.
    return (
      this.options.topic === undefined || this.#probeTaken || performance.now() - this.#wantedAt < WANTED_MS
    );
  }

  /** @param askedAt performance.now() when the right was asked for */
  probeGranted(askedAt: number): void {
    this.#leasedAt = askedAt;
    const { app, credential, topic, log } = this.options;
    if (this.#state === 'open') {
      this.#probeTaken = false;
      this.#probingSince = askedAt;
      this.#set('probing');
    } else if (
      this.#state === 'probing' &&
      !this.#probeTaken &&
      askedAt - this.#probingSince > SILENT_PROBE_MS
    ) {
      this.#probingSince = askedAt;
      log.info(
        { event: 'probe.waits', app, credential, topic },
        'a probe is due and there is no push to probe with; the next one finds out',
      );
    }
  }

  /** Another worker probes, or this one must not. False where there was no right to give back. */
  probeDenied(): boolean {
    if (this.#state === 'closed') return false;
    this.#probeAt = Math.max(this.#probeAt, Date.now() + OTHERS_PROBE_MS);
    if (this.#state !== 'probing') return false;
    this.#set('open');
    return true;
  }

  #stop(reason: string): void {
    this.#tell({ kind: 'refused', reason });
    this.#open(reason, Date.now(), FIRST_PROBE_MS);
  }

  #tell(news: BreakerNews): void {
    this.#news = news;
    this.options.onNews?.();
  }

  #open(reason: string, since: number, probeInMs: number): void {
    this.#reason = reason;
    this.#since = since;
    this.#probeAt = Date.now() + probeInMs;
    this.#set('open');
  }

  #close(): void {
    const { app, credential, topic, log } = this.options;
    const facts = { app, credential, topic };
    if (this.#reason === APNS_UNAVAILABLE) {
      this.#outage.ended();
      log.info({ event: 'apns.available', ...facts }, 'APNs serves pushes again');
    } else log.info({ event: 'credential.accepted', ...facts }, 'APNs accepts our credential again');
    this.#stale = 0;
    this.#since = null;
    this.#reason = '';
    this.#set('closed');
  }

  #set(state: BreakerState): void {
    if (state !== 'probing') this.#probeTaken = false;
    this.#state = state;
    this.options.onState(state);
  }
}
