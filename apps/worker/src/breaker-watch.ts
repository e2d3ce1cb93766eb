import type { Log } from '@pushfleet/shared/platform/log';
import { type BreakersSeen, breakerName, type ProbeAnswer } from '@pushfleet/shared/queue/breaker';
import type { SendBreaker } from './send-breaker.ts';

const POLL_MS = 250;
/** How long a worker that died keeps the others from probing. */
export const PROBE_LEASE_MS = 10_000;

/** What the fleet shares, by the names of breakers. Each may hang or reject while Redis is away. */
export interface FleetBreakers {
  read(): Promise<BreakersSeen>;
  open(name: string, reason: string): Promise<unknown>;
  takeProbe(name: string, leaseMs: number): Promise<boolean>;
  endProbe(name: string, answer: ProbeAnswer, reason: string): Promise<unknown>;
}

export interface BreakerWatchOptions {
  readonly credential: string;
  readonly fleet: FleetBreakers;
  /** Looked up at each poll. */
  readonly breakers: () => readonly SendBreaker[];
  /** Whether nothing but a breaker keeps this worker from sending. */
  readonly canSend: () => boolean;
  readonly log: Log;
}

/**
 * Keeps the breakers of this worker and those of the fleet the same, four times a second and whenever there
 * is news. Only workers with the same credential share one, so a worker with a stale key stops by itself.
 */
export class BreakerWatch {
  #timer: NodeJS.Timeout | undefined;
  #busy = false;
  #again = false;
  #stopped = false;

  constructor(private readonly options: BreakerWatchOptions) {}

  start(): void {
    this.#timer ??= setInterval(() => void this.poll(), POLL_MS);
    void this.poll();
  }

  stop(): void {
    this.#stopped = true;
    clearInterval(this.#timer);
  }

  /** There is news, which need not wait for the next poll. */
  wake(): void {
    setImmediate(() => void this.poll());
  }

  async poll(): Promise<void> {
    if (this.#stopped) return;
    this.#again = true;
    if (this.#busy) return;
    this.#busy = true;
    try {
      while (this.#again && !this.#stopped) {
        this.#again = false;
        await this.#tell();
        await this.#follow();
        await this.#probe();
      }
    } catch (error) {
      this.options.log.debug({ event: 'breaker.unknown', err: error }, 'the breakers cannot be read or told');
    } finally {
      this.#busy = false;
    }
  }

  async #tell(): Promise<void> {
    const { fleet, breakers } = this.options;
    for (const breaker of breakers()) {
      const { news } = breaker;
      if (news === null) continue;
      const name = this.#nameOf(breaker);
      if (news.kind === 'refused') await fleet.open(name, news.reason);
      else await fleet.endProbe(name, news.answer, news.reason);
      breaker.told(news);
    }
  }

  async #follow(): Promise<void> {
    const { fleet, breakers } = this.options;
    // Listed first: what opens or closes while Redis answers is not in the answer.
    const before = breakers().filter(({ news }) => news === null);
    const { complete, open } = await fleet.read();
    for (const breaker of before) {
      const seen = open.get(this.#nameOf(breaker));
      if (seen !== undefined || complete) breaker.follow(seen ?? null);
    }
  }

  async #probe(): Promise<void> {
    const { fleet, breakers, canSend } = this.options;
    for (const breaker of breakers()) {
      const name = this.#nameOf(breaker);
      const isMine = breaker.state === 'probing';
      if (breaker.wantsProbe(canSend())) {
        const askedAt = performance.now();
        if (await fleet.takeProbe(name, PROBE_LEASE_MS)) breaker.probeGranted(askedAt);
        else breaker.probeDenied();
      } else if (isMine && breaker.probeDenied()) await fleet.endProbe(name, 'given up', '');
    }
  }

  #nameOf({ topic }: SendBreaker): string {
    return breakerName(this.options.credential, topic);
  }
}
