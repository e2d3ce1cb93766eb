/**
 * Keeps one APNs connection and decides when a request may start on it: one probe at a time until
 * APNs accepts one, never more than the server allows now, a share kept for urgent requests. A
 * connection that leaves, sticks or falls silent is replaced; what was open on it may still finish.
 */
import type { Lane } from '@pushfleet/shared/domain/lanes';
import type { Log } from '@pushfleet/shared/platform/log';
import { type ApnsRequest, type OpenConnection, type Settle, settleUnsent } from './apns-connection.ts';
import { BulkPace, type BusyShare } from './bulk-pace.ts';
import { ConnectSchedule } from './connect-schedule.ts';
import { GovernedLink, type LinkOptions } from './governed-link.ts';
import { tellLost } from './lost-connection.ts';
import { ReconnectBackoff } from './reconnect-backoff.ts';
import { mayStart } from './send-window.ts';
import { SlotWaiters } from './slot-waiters.ts';

export type GovernorState = 'connecting' | 'probing' | 'ready' | 'draining' | 'stopped';

export type GovernorLog = Omit<Log, 'fatal'>;

export interface GovernorOptions {
  readonly open: OpenConnection;
  /** Requests in flight per connection. */
  readonly maxInFlight: number;
  /** From taking the slot to the answer. Default 10 s. */
  readonly requestTimeoutMs?: number;
  /** From opening to the first SETTINGS. Default 15 s. */
  readonly connectTimeoutMs?: number;
  /** A ping goes out when nothing was read for so long. Default 30 s. */
  readonly pingAfterMs?: number;
  /** Default 10 s. */
  readonly pingTimeoutMs?: number;
  /** Requests after which a connection is replaced, before its stream ids run out. Default 2^29. */
  readonly maxRequests?: number;
  /** Asked before each connect: milliseconds to wait first (the fleet-wide cap on connects). */
  readonly connectPermit?: () => Promise<number>;
  readonly random?: () => number;
  /** Default: how busy the event loop of this process was. */
  readonly busyShare?: BusyShare;
  readonly log: GovernorLog;
}

export interface ConnectionGovernor {
  /** Connects now instead of at the first `acquire`. */
  start(): void;
  /**
   * Resolves when a request of this lane may start now, and holds a slot for it. Rejects with
   * `signal.reason`, or with GovernorClosedError once `close` was called.
   */
  acquire(lane: Lane, signal?: AbortSignal): Promise<void>;
  /** The same without waiting: true if a slot is now held. Never connects. */
  tryAcquire(lane: Lane): boolean;
  /**
   * Uses a slot that was acquired and frees it at the answer, for which it calls `settle` once, after it
   * has returned. If the connection was lost since `acquire`, the answer is `sent: 'no'`: acquire again
   * and resend.
   */
  send(request: ApnsRequest, settle: Settle): void;
  /** Gives a slot that was acquired for this lane back unused. */
  release(lane: Lane): void;
  state(): GovernorState;
  /** The server's limit now; 0 without a connection. */
  streamLimit(): number;
  /** Requests without an answer yet, on old connections too. */
  inFlight(): number;
  /** Connections opened so far, failed ones included. */
  connects(): number;
  /** Returns the function that removes the listener. */
  onStateChange(listener: (state: GovernorState) => void): () => void;
  /** No new slots; waits for answers, then closes. After `deadlineMs` it destroys what is left. */
  close(deadlineMs: number): Promise<void>;
}

/** `acquire` after `close`: the worker stops, the request stays for another one. */
export class GovernorClosedError extends Error {
  readonly code = 'PUSHFLEET_GOVERNOR_CLOSED';
  override readonly name = 'GovernorClosedError';
  constructor() {
    super('the connection governor is closed: no new requests start');
  }
}

export function createConnectionGovernor(options: GovernorOptions): ConnectionGovernor {
  return new Governor(options);
}

/** How soon bulk that must wait (for its pace, for the window of octets) is looked at again, if no answer comes before. */
const LOOK_AGAIN_MS = 2;

class Governor implements ConnectionGovernor {
  /** The connection that takes new requests. */
  #current: GovernedLink | undefined;
  /** The current one, and those that only finish what is open. */
  readonly #links = new Set<GovernedLink>();
  readonly #waiters = new SlotWaiters();
  /** Slots acquired and not used yet. */
  #held = 0;
  #connects = 0;
  #state: GovernorState = 'connecting';
  #closed: Promise<void> | undefined;
  #settled: (() => void) | undefined;
  readonly #backoff: ReconnectBackoff;
  readonly #schedule: ConnectSchedule;
  readonly #linkOptions: LinkOptions;
  #lookAgain: NodeJS.Timeout | undefined;
  #serving = false;
  readonly #pace: BulkPace;
  readonly #stateListeners = new Set<(state: GovernorState) => void>();

  constructor(private readonly options: GovernorOptions) {
    this.#backoff = new ReconnectBackoff(options.random);
    this.#pace = new BulkPace(options.busyShare);
    this.#schedule = new ConnectSchedule({
      open: () => this.#open(),
      permit: options.connectPermit,
      log: options.log,
    });
    this.#linkOptions = {
      maxInFlight: options.maxInFlight,
      requestTimeoutMs: options.requestTimeoutMs ?? 10_000,
      connectTimeoutMs: options.connectTimeoutMs ?? 15_000,
      pingAfterMs: options.pingAfterMs ?? 30_000,
      pingTimeoutMs: options.pingTimeoutMs ?? 10_000,
      maxRequests: options.maxRequests ?? 2 ** 29,
    };
  }

  start(): void {
    if (this.#current === undefined) this.#connectIn(0);
  }

  acquire(lane: Lane, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted) return Promise.reject(signal.reason);
    if (this.#closed) return Promise.reject(new GovernorClosedError());
    if (this.tryAcquire(lane)) return GRANTED;
    this.start();
    return this.#waiters.wait(lane, signal);
  }

  tryAcquire(lane: Lane): boolean {
    return this.#closed === undefined && !this.#waiters.isBefore(lane) && this.#take(lane);
  }

  send(request: ApnsRequest, settle: Settle): void {
    if (this.#held === 0) return void settleUnsent(settle, 'send() needs a slot from acquire()');
    this.#held--;
    const link = this.#current;
    if (link !== undefined && link.open < link.window) return void link.send(request, settle);
    this.#serve();
    settleUnsent(settle, 'the connection was lost before the request');
  }

  release(lane: Lane): void {
    if (this.#held === 0) return;
    this.#held--;
    if (lane === 'bulk') this.#pace.gaveBack();
    this.#serve();
  }

  state(): GovernorState {
    return this.#state;
  }

  streamLimit(): number {
    return this.#current?.connection.streamLimit ?? 0;
  }

  inFlight(): number {
    let open = 0;
    for (const link of this.#links) open += link.open;
    return open;
  }

  connects(): number {
    return this.#connects;
  }

  onStateChange(listener: (state: GovernorState) => void): () => void {
    this.#stateListeners.add(listener);
    return () => this.#stateListeners.delete(listener);
  }

  close(deadlineMs: number): Promise<void> {
    this.#closed ??= this.#close(deadlineMs);
    return this.#closed;
  }

  changed(link: GovernedLink): void {
    if (link === this.#current) this.#showState();
    this.#serveSoon();
  }

  /** The old one finishes, the new one opens at once; both live side by side for a while. */
  unfit(link: GovernedLink, why: string): void {
    if (link !== this.#current) return;
    this.#current = undefined;
    this.options.log.info(
      { event: 'connection.replaced', why, open: link.open },
      'APNs connection is replaced',
    );
    void link.connection.drain();
    this.#connectIn(this.#backoff.afterEnd(link.end()));
  }

  dead(link: GovernedLink, detail: string): void {
    this.#links.delete(link);
    if (link === this.#current) {
      this.#current = undefined;
      const retryInMs = this.#backoff.afterEnd(link.end());
      if (!this.#closed) tellLost(this.options.log, detail, link.open, retryInMs);
      this.#connectIn(retryInMs);
    }
    this.#serve();
  }

  readonly #take = (lane: Lane): boolean => {
    const link = this.#current;
    if (link === undefined || !mayStart(lane, this.#held + link.open, link.window)) return false;
    if (lane === 'urgent') this.#pace.alertStarted();
    // An alert's payload would wait behind theirs, whatever slots are kept for it.
    else if (link.connection.isWindowFull || !this.#pace.mayStart()) {
      this.#lookAgain ??= setTimeout(this.#serveAgain, LOOK_AGAIN_MS).unref();
      return false;
    }
    this.#held++;
    return true;
  };

  readonly #serveAgain = () => {
    this.#lookAgain = undefined;
    this.#serve();
  };

  /** Once for all answers that came in one packet: whoever waits then finds room for more than one request. */
  #serveSoon(): void {
    if (this.#serving) return;
    this.#serving = true;
    queueMicrotask(this.#serveNow);
  }

  readonly #serveNow = () => {
    this.#serving = false;
    this.#serve();
  };

  #serve(): void {
    if (this.#closed === undefined) this.#waiters.serve(this.#take);
    else this.#settled?.();
  }

  #connectIn(delayMs: number): void {
    if (this.#closed || this.#current) return;
    this.#showState();
    this.#schedule.connectIn(delayMs);
  }

  #open(): void {
    this.#connects++;
    const link = new GovernedLink(this.options.open(), this.#linkOptions, this);
    this.#current = link;
    this.#links.add(link);
    link.connection.ready.then(
      () => {
        const facts = { event: 'connection.opened', streamLimit: link.connection.streamLimit } as const;
        this.options.log.info(facts, 'APNs connection is open');
      },
      () => {},
    );
  }

  #showState(): void {
    const link = this.#current;
    if (this.#closed) return;
    this.#setState(link?.settingsSeen !== true ? 'connecting' : link.warm ? 'ready' : 'probing');
  }

  #setState(state: GovernorState): void {
    if (state === this.#state) return;
    this.#state = state;
    for (const listener of this.#stateListeners) listener(state);
  }

  async #close(deadlineMs: number): Promise<void> {
    this.#schedule.cancel();
    clearTimeout(this.#lookAgain);
    this.#pace.stop();
    this.#setState('draining');
    this.#waiters.refuseAll(new GovernorClosedError());
    let deadline: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      deadline = setTimeout(resolve, deadlineMs);
    });
    // Slots that somebody holds are still used or given back: the rows were taken for them.
    await Promise.race([this.#until(() => this.#held + this.inFlight() === 0), late]);
    for (const link of this.#links) void link.connection.drain();
    await Promise.race([this.#until(() => this.#links.size === 0), late]);
    clearTimeout(deadline);
    for (const link of this.#links) link.connection.destroy('the worker stops');
    this.#setState('stopped');
  }

  #until(reached: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      this.#settled = () => {
        if (reached()) resolve();
      };
      this.#settled();
    });
  }
}

const GRANTED: Promise<void> = Promise.resolve();
