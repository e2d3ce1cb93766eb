/** Looking costs a twentieth of the time at most, however long one look takes. */
const REST = 20;
/** What was seen is shown for so long while a new look takes its time. */
const STALE_AFTER_MS = 15_000;

/** One look for all who ask. While a new one is under way they get what was seen last, and wait for nothing. */
export class SharedLook<Seen> {
  #seen: { readonly value: Seen; readonly at: number; readonly validUntil: number } | null = null;
  #looking: Promise<Seen> | null = null;

  /** @param everyMs how long a look is good for, at the least */
  constructor(
    private readonly look: () => Promise<Seen>,
    private readonly everyMs: number,
    private readonly now: () => number = Date.now,
  ) {}

  /** @throws what the look throws; the next one looks again */
  async read(): Promise<Seen> {
    const now = this.now();
    if (this.#seen !== null && now < this.#seen.validUntil) return this.#seen.value;
    if (this.#looking === null) return this.#lookAnew(now);
    const isFresh = this.#seen !== null && now - this.#seen.at < STALE_AFTER_MS;
    return isFresh ? this.#seen!.value : this.#looking;
  }

  /** After a change: what was seen before it, or is being looked at, is not shown any more. */
  forget(): void {
    this.#seen = null;
    this.#looking = null;
  }

  async #lookAnew(at: number): Promise<Seen> {
    const looking = this.look();
    this.#looking = looking;
    try {
      const value = await looking;
      const validUntil = at + Math.max(this.everyMs, REST * (this.now() - at));
      if (this.#looking === looking) this.#seen = { value, at, validUntil };
      return value;
    } finally {
      if (this.#looking === looking) this.#looking = null;
    }
  }
}
