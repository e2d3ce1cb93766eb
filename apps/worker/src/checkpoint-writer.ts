import type { Checkpoint } from '@pushfleet/shared/queue/checkpoint';

const MOST_AT_ONCE = 50;

interface Entry {
  readonly checkpoint: Checkpoint;
  resolve(written: boolean): void;
  reject(error: unknown): void;
}

/**
 * Gathers the checkpoints of all runs: what comes while a round trip is under way goes with the next one.
 * A lone checkpoint waits for nobody, and many small batches share the cost.
 */
export class CheckpointWriter {
  readonly #waiting: Entry[] = [];
  #busy = false;

  constructor(private readonly write: (checkpoints: readonly Checkpoint[]) => Promise<boolean[]>) {}

  /** Resolves with whether the run still owned its job. Rejects when Redis refuses; waits while it is away. */
  checkpoint(checkpoint: Checkpoint): Promise<boolean> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ checkpoint, resolve, reject });
      if (!this.#busy) void this.#work();
    });
  }

  async #work(): Promise<void> {
    this.#busy = true;
    // The batches that the same packet from APNs has ended come along.
    await new Promise(setImmediate);
    while (this.#waiting.length > 0) {
      const group = this.#waiting.splice(0, MOST_AT_ONCE);
      try {
        const written = await this.write(group.map((entry) => entry.checkpoint));
        group.forEach((entry, i) => {
          entry.resolve(written[i]!);
        });
      } catch (error) {
        for (const entry of group) entry.reject(error);
      }
    }
    this.#busy = false;
  }
}
