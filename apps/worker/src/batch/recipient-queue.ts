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
  readonly #positionOf = new Map<number, number>();
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
      this.#positionOf.set(indexes[position]!, position);
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
      const position = this.#positionOf.get(index);
      if (position !== undefined && this.#states[position] === IDLE) at = Math.min(at, trial.notBefore);
    }
    return at;
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
      const position = this.#positionOf.get(index);
      if (position !== undefined) this.#enqueue(position, now);
    }
  }
}
