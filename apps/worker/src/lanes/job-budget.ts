/**
 * How many jobs a lane may run at once: many small ones, few large ones. Recipients are what costs memory
 * and what fills the send window, and jobs taken beyond that would only keep other workers idle.
 */
export class JobBudget {
  readonly #sizes = new Map<string, number>();
  #recipients = 0;
  #oneAtATime = false;

  constructor(
    private readonly maxJobs: number,
    private readonly maxRecipients: number,
  ) {}

  /** While a probe is due one job is enough. */
  set oneAtATime(only: boolean) {
    this.#oneAtATime = only;
  }

  get jobs(): number {
    return this.#sizes.size;
  }

  add(key: string, recipients: number): void {
    this.remove(key);
    this.#sizes.set(key, recipients);
    this.#recipients += recipients;
  }

  remove(key: string): void {
    this.#recipients -= this.#sizes.get(key) ?? 0;
    this.#sizes.delete(key);
  }

  /** Jobs that may run at the moment, those that do included; at least 1. */
  allowed(): number {
    if (this.#oneAtATime) return 1;
    return this.#recipients < this.maxRecipients ? this.maxJobs : Math.max(1, this.#sizes.size);
  }
}

/** A packed device token of the usual 32 bytes, in base64. */
const CHARACTERS_EACH = 44;

/**
 * How many recipients a job sends to, about: few of a batch whose others were settled before it was queued
 * again, which must not count as a whole one. As far as the data can be trusted.
 */
export function recipientsOf(data: unknown): number {
  const { size, tokens } = (data ?? {}) as { size?: unknown; tokens?: unknown };
  const most = typeof size === 'number' && size > 0 ? size : 1;
  if (typeof tokens !== 'string') return most;
  return Math.max(1, Math.min(most, Math.ceil(tokens.length / CHARACTERS_EACH)));
}
