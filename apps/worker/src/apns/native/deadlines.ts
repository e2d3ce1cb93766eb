/** Deadlines of many requests on one timer: most have the same time-out, and nearly all are answered before it. */

export class Deadlines<Request> {
  readonly #at = new Map<Request, number>();
  #timer: NodeJS.Timeout | undefined;
  #next = Number.POSITIVE_INFINITY;

  constructor(private readonly passed: (request: Request) => void) {}

  add(request: Request, timeoutMs: number): void {
    const at = performance.now() + timeoutMs;
    this.#at.set(request, at);
    if (at < this.#next) this.#wakeAt(at);
  }

  remove(request: Request): void {
    this.#at.delete(request);
    if (this.#at.size === 0) this.clear();
  }

  clear(): void {
    clearTimeout(this.#timer);
    this.#next = Number.POSITIVE_INFINITY;
    this.#at.clear();
  }

  #wakeAt(at: number): void {
    clearTimeout(this.#timer);
    this.#next = at;
    this.#timer = setTimeout(() => this.#look(), Math.max(0, at - performance.now()));
  }

  #look(): void {
    this.#next = Number.POSITIVE_INFINITY;
    // A timer may come a fraction of a millisecond early.
    const now = performance.now() + 1;
    let next = Number.POSITIVE_INFINITY;
    for (const [request, at] of this.#at) {
      if (at > now) next = Math.min(next, at);
      else {
        this.#at.delete(request);
        this.passed(request);
      }
    }
    if (next < this.#next) this.#wakeAt(next);
  }
}
