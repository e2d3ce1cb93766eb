import { within } from '../time-limit.ts';

/** Looking costs a twentieth of the time at most, however long one look takes. */
const REST = 20;
/** What was seen is shown for so long while a new look takes its time. */
const STALE_AFTER_MS = 15_000;

export interface LookTimes {
  /** How long a look is good for, at the least. */
  readonly everyMs: number;
  /** One that takes longer has failed. */
  readonly withinMs: number;
}

/**
 * One look for all who ask. While a new one is under way they get what was seen last, and wait for nothing. Where
 * looking fails they are told so, and what was seen before is not shown as if it were new.
 */
export class SharedLook<Seen> {
  #seen: { readonly value: Seen; readonly at: number; readonly validUntil: number } | null = null;
  #looking: Promise<Seen> | null = null;
  #failed: { readonly error: unknown; readonly since: number } | null = null;

  constructor(
    private readonly look: () => Promise<Seen>,
    private readonly times: LookTimes,
    private readonly now: () => number = Date.now,
  ) {}

  /** Milliseconds since 1970; null while looking does not fail. */
  get failingSince(): number | null {
    return this.#failed?.since ?? null;
  }

  /** @throws what the look throws; the next one looks again */
  async read(): Promise<Seen> {
    const now = this.now();
    if (this.#seen !== null && now < this.#seen.validUntil) return this.#seen.value;
    if (this.#looking === null) return this.#lookAnew(now);
    // Nobody else waits for the next try, which may take its time to fail too.
    if (this.#failed !== null) throw this.#failed.error;
    const isFresh = this.#seen !== null && now - this.#seen.at < STALE_AFTER_MS;
    return isFresh ? this.#seen!.value : this.#looking;
  }

  /** After a change: what was seen before it, or is being looked at, is not shown any more. */
  forget(): void {
    this.#seen = null;
    this.#looking = null;
  }

  async #lookAnew(at: number): Promise<Seen> {
    const { everyMs, withinMs } = this.times;
    const looking = within(withinMs, this.look());
    this.#looking = looking;
    try {
      const value = await looking;
      const validUntil = at + Math.max(everyMs, REST * (this.now() - at));
      if (this.#looking === looking) this.#seen = { value, at, validUntil };
      this.#failed = null;
      return value;
    } catch (error) {
      this.#failed = { error, since: this.#failed?.since ?? at };
      throw error;
    } finally {
      if (this.#looking === looking) this.#looking = null;
    }
  }
}
