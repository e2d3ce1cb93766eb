import type { BatchProgress } from '@pushfleet/shared/domain/batch-progress';
import { WAITING } from '@pushfleet/shared/domain/outcomes';

const IDLE = 0;
const QUEUED = 1;
const IN_FLIGHT = 2;

/**
 * Which recipient of a run is sent to next. A recipient is meant by its position in the job's lists:
 * first all that are due, in list order, then whoever becomes due while answers are awaited.
 */
export class RecipientQueue {
  readonly #states: Uint8Array;
  #line: number[] = [];
  #head = 0;
  #inFlight = 0;

  constructor(
    private readonly indexes: readonly number[],
    private readonly progress: BatchProgress,
    now: number,
  ) {
    this.#states = new Uint8Array(indexes.length);
    for (let position = 0; position < indexes.length; position++) {
      this.#enqueue(position, now);
    }
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  /** Positions whose answer is awaited. */
  flying(): number[] {
    return this.indexes.flatMap((_, position) => (this.#states[position] === IN_FLIGHT ? [position] : []));
  }

  /** The next one that is due; null when nobody is at the moment. */
  next(now: number): number | null {
    if (this.#head === this.#line.length) this.#collectDue(now);
    if (this.#head === this.#line.length) return null;
    const position = this.#line[this.#head++]!;
    this.#states[position] = IDLE;
    return position;
  }

  started(position: number): void {
    this.#states[position] = IN_FLIGHT;
    this.#inFlight++;
  }

  /** After the answer was written into the progress. Queues the recipient again if it is due at once. */
  ended(position: number, now: number): void {
    this.#states[position] = IDLE;
    this.#inFlight--;
    this.#enqueue(position, now);
  }

  /** When the next recipient becomes due that is not in flight; Infinity if there is none. */
  nextDueAt(): number {
    let at = Number.POSITIVE_INFINITY;
    for (const [index, trial] of this.progress.trials) {
      const position = this.#positionOf(index);
      if (position !== undefined && this.#states[position] === IDLE) at = Math.min(at, trial.notBefore);
    }
    return at;
  }

  /** The indexes ascend; undefined for a recipient of another job. */
  #positionOf(index: number): number | undefined {
    let low = 0;
    let high = this.indexes.length - 1;
    while (low <= high) {
      const middle = (low + high) >> 1;
      const found = this.indexes[middle]!;
      if (found === index) return middle;
      if (found < index) low = middle + 1;
      else high = middle - 1;
    }
    return undefined;
  }

  #enqueue(position: number, now: number): void {
    const index = this.indexes[position]!;
    if (this.#states[position] !== IDLE || this.progress.outcomes[index] !== WAITING) return;
    if ((this.progress.trials.get(index)?.notBefore ?? 0) > now) return;
    this.#states[position] = QUEUED;
    this.#line.push(position);
  }

  #collectDue(now: number): void {
    this.#line = [];
    this.#head = 0;
    for (const index of this.progress.trials.keys()) {
      const position = this.#positionOf(index);
      if (position !== undefined) this.#enqueue(position, now);
    }
  }
}
