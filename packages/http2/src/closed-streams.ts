/**
 * Which closed streams may still bring frames: those that we reset, since the server did not know it
 * yet (RFC 9113, 5.1). The last few thousand are remembered; older ones are given the benefit of the doubt.
 */
const REMEMBERED = 10_000;

export class ClosedStreams {
  readonly #reset = new Set<number>();
  #forgottenUpTo = 0;
  #refusedFrom = Number.POSITIVE_INFINITY;

  noteReset(streamId: number): void {
    this.#reset.add(streamId);
    if (this.#reset.size <= REMEMBERED) return;
    const [oldest] = this.#reset;
    this.#reset.delete(oldest!);
    this.#forgottenUpTo = Math.max(this.#forgottenUpTo, oldest!);
  }

  /** The server will not look at streams above this one. */
  noteGoaway(lastStreamId: number): void {
    this.#refusedFrom = lastStreamId + 1;
  }

  mayBring(streamId: number): boolean {
    return streamId <= this.#forgottenUpTo || streamId >= this.#refusedFrom || this.#reset.has(streamId);
  }
}
