/**
 * Which closed streams may still bring frames: those that we reset, since the server did not know it
 * yet (RFC 9113, 5.1). The last few thousand are remembered; older ones are given the benefit of the doubt.
 */
const REMEMBERED = 10_000;
const LATE_FRAMES_PER_STREAM = 4;

export class ClosedStreams {
  readonly #reset = new Set<number>();
  #forgottenUpTo = 0;
  #refusedFrom = Number.POSITIVE_INFINITY;
  #lateFrames = 0;

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

  /**
   * Counts a frame for a stream that has ended; true if there are more of them than `opened` streams explain.
   * Each may bring some: they cross with our RST_STREAM, or a server answers early and resets with NO_ERROR.
   */
  noteLate(opened: number): boolean {
    return ++this.#lateFrames > LATE_FRAMES_PER_STREAM * opened;
  }

  mayBring(streamId: number): boolean {
    return streamId <= this.#forgottenUpTo || streamId >= this.#refusedFrom || this.#reset.has(streamId);
  }
}
