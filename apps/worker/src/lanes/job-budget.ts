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
