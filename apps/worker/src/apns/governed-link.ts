/** One connection under the governor: its window, its health, and the watch over a silent peer. */
import type { ApnsAnswer } from '@pushfleet/shared/domain/apns-answer';
import type { ApnsConnection, ApnsRequest, ConnectionEvent, Settle } from './apns-connection.ts';
import { ConnectionHealth } from './connection-health.ts';
import type { ConnectionEnd } from './reconnect-backoff.ts';
import { windowSize } from './send-window.ts';

export interface LinkOptions {
  readonly maxInFlight: number;
  readonly requestTimeoutMs: number;
  readonly connectTimeoutMs: number;
  readonly pingAfterMs: number;
  readonly pingTimeoutMs: number;
  readonly maxRequests: number;
}

export interface LinkOwner {
  /** The window, or the number of open requests, is another. */
  changed(link: GovernedLink): void;
  /** This connection should take no new requests; open ones may finish. */
  unfit(link: GovernedLink, why: string): void;
  dead(link: GovernedLink, detail: string): void;
}

export class GovernedLink {
  /** Requests in flight. */
  open = 0;
  /** How many may be. 0 until the first SETTINGS. */
  window = 0;
  settingsSeen = false;
  /** A probe was accepted (or the server raised its limit after one): the whole window may be used. */
  warm = false;
  #requests = 0;
  #wasSingle = false;
  #watch: NodeJS.Timeout | undefined;
  #shutOut: NodeJS.Timeout | undefined;
  readonly #health = new ConnectionHealth();
  readonly #openedAt = performance.now();

  constructor(
    readonly connection: ApnsConnection,
    private readonly options: LinkOptions,
    private readonly owner: LinkOwner,
  ) {
    connection.on((event) => this.#onEvent(event));
    connection.ready.then(
      () => this.#onReady(),
      () => {}, // 'dead' tells
    );
    const { connectTimeoutMs } = options;
    this.#watch = setTimeout(
      () => connection.destroy(`no SETTINGS within ${connectTimeoutMs} ms`),
      connectTimeoutMs,
    );
  }

  /** How it ended, for the back-off. */
  end(): ConnectionEnd {
    const { settingsSeen } = this;
    return { settingsSeen, accepted: this.#health.accepted, livedMs: performance.now() - this.#openedAt };
  }

  send(request: ApnsRequest, settle: Settle): void {
    this.open++;
    this.#requests++;
    this.connection.send(request, this.options.requestTimeoutMs, (answer) => {
      this.open--;
      this.#judge(answer);
      this.owner.changed(this);
      settle(answer);
    });
  }

  #judge(answer: ApnsAnswer): void {
    const { action, why } = this.#health.note(answer, this.open);
    if (answer.answered && answer.status === 200) this.warm = true;
    this.#resize();
    if (action === 'destroy') this.connection.destroy(why);
    else if (action === 'drain') this.owner.unfit(this, why);
    // Stream ids are 31 bits and every second one is ours; a connection without any left is of no use.
    else if (this.#requests >= this.options.maxRequests) this.owner.unfit(this, 'its stream ids run out');
  }

  #onReady(): void {
    clearTimeout(this.#watch);
    this.settingsSeen = true;
    this.#watchSilence(this.options.pingAfterMs);
    this.#resize();
    this.owner.changed(this);
  }

  #onEvent(event: ConnectionEvent): void {
    if (event.type === 'streamLimit') {
      const limit = this.connection.streamLimit;
      if (limit <= 1) this.#wasSingle = true;
      else if (this.#wasSingle && this.#requests > 0) this.warm = true;
      this.#resize();
      this.owner.changed(this);
    } else if (event.type === 'goaway') {
      this.owner.unfit(this, `APNs sent GOAWAY (code ${event.code}${event.reason && `, ${event.reason}`})`);
    } else {
      clearTimeout(this.#watch);
      clearTimeout(this.#shutOut);
      this.window = 0;
      this.owner.dead(this, event.detail);
    }
  }

  #resize(): void {
    if (!this.settingsSeen) return;
    this.window = windowSize({
      warm: this.warm,
      streamLimit: this.connection.streamLimit,
      maxInFlight: this.options.maxInFlight,
      learnedLimit: this.#health.learnedLimit,
    });
    this.#watchShutOut();
  }

  /** A server may forbid all streams for a moment (RFC 9113, 6.5.2); one that stays so is of no use. */
  #watchShutOut(): void {
    if (this.window > 0) {
      clearTimeout(this.#shutOut);
      this.#shutOut = undefined;
      return;
    }
    const { connectTimeoutMs } = this.options;
    this.#shutOut ??= setTimeout(
      () => this.owner.unfit(this, `APNs has allowed no stream for ${connectTimeoutMs} ms`),
      connectTimeoutMs,
    ).unref();
  }

  /** A dead peer says nothing at all: no error, no close. Only an unanswered ping gives it away. */
  #watchSilence(inMs: number): void {
    const { pingAfterMs, pingTimeoutMs } = this.options;
    this.#watch = setTimeout(async () => {
      const idleMs = performance.now() - this.connection.lastReadAt();
      if (idleMs < pingAfterMs) return this.#watchSilence(pingAfterMs - idleMs);
      try {
        await this.connection.ping(pingTimeoutMs);
        this.#watchSilence(pingAfterMs);
      } catch (error) {
        this.connection.destroy((error as Error).message);
      }
    }, inMs);
    this.#watch.unref();
  }
}
