/** Answers of each worker since its start. */
type Answered = ReadonlyMap<string, number>;

const MOST_POINTS = 300;
/** Workers count aloud every two seconds and so does whoever looks: over less than this the two beat against each other. */
const OVER_MS = 5_500;
/** Two looks that are closer (after an operator's wish) are one. */
const APART_MS = 1_500;

/** Answers per second over the fleet, from what workers have counted at each look. */
export class Pace {
  readonly #points: (readonly [number, number])[] = [];
  #looks: { readonly at: number; readonly answered: Answered }[] = [];

  /** Seconds since 1970 and answers per second, oldest first. */
  get points(): readonly (readonly [number, number])[] {
    return this.#points;
  }

  /** @param at milliseconds since 1970 */
  add(at: number, answered: Answered): void {
    const last = this.#looks.at(-1);
    if (last !== undefined && at - last.at < APART_MS) return;
    this.#looks.push({ at, answered });
    // The oldest that is kept is the first before the window.
    while (this.#looks.length > 2 && at - this.#looks[1]!.at >= OVER_MS) this.#looks.shift();
    const first = this.#looks[0]!;
    if (first.at === at) return;
    let sum = 0;
    for (const [worker, count] of answered) {
      const before = first.answered.get(worker) ?? this.#firstOf(worker);
      sum += Math.max(0, count - before);
    }
    this.#points.push([Math.round(at / 1_000), Math.round((sum * 1_000) / (at - first.at))]);
    if (this.#points.length > MOST_POINTS) this.#points.shift();
  }

  /** A worker that is new in the window has counted from 0, or was only silent for a while: what it said first counts. */
  #firstOf(worker: string): number {
    for (const { answered } of this.#looks) {
      const count = answered.get(worker);
      if (count !== undefined) return count;
    }
    return 0;
  }
}
