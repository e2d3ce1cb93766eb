/** Deadlines of many requests on one timer: most have the same time-out, and nearly all are answered before it. */

export interface WithDeadline {
  /** performance.now() milliseconds. */
  deadline: number;
}

export class Deadlines<Request extends WithDeadline> {
  #timer: NodeJS.Timeout | undefined;
  #next = Number.POSITIVE_INFINITY;
  #cleared = false;

  /** `open`: those that are not answered; of others nothing is kept. */
  constructor(
    private readonly open: () => Iterable<Request>,
    private readonly passed: (request: Request) => void,
  ) {}

  add(request: Request, timeoutMs: number): void {
    request.deadline = performance.now() + timeoutMs;
    if (request.deadline < this.#next) this.#wakeAt(request.deadline);
  }

  /** For good. */
  clear(): void {
    this.#cleared = true;
    clearTimeout(this.#timer);
  }

  #wakeAt(at: number): void {
    if (this.#cleared) return; // by what the passing of a deadline led to
    clearTimeout(this.#timer);
    this.#next = at;
    this.#timer = setTimeout(() => this.#look(), Math.max(0, at - performance.now()));
  }

  #look(): void {
    this.#next = Number.POSITIVE_INFINITY;
    // A timer may come a fraction of a millisecond early.
    const now = performance.now() + 1;
    let next = Number.POSITIVE_INFINITY;
    for (const request of this.open()) {
      if (request.deadline > now) next = Math.min(next, request.deadline);
      else this.passed(request);
    }
    if (next < this.#next) this.#wakeAt(next);
  }
}
