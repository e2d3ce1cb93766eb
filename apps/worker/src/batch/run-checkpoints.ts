import { type BatchProgress, encodeProgress } from '@pushfleet/shared/domain/batch-progress';

const EVERY_MS = 100;
const RETRY_MS = 250;

export interface RunCheckpointsOptions {
  readonly progress: BatchProgress;
  /** True: written. False: another run owns the job. Rejects when Redis refuses, hangs while it is away. */
  readonly write: (progress: string) => Promise<boolean>;
  readonly onRefused: () => void;
  /** After each acknowledged one. */
  readonly onSaved: () => void;
}

/**
 * The checkpoints of one run: one every 100 ms while answers come. It knows how old the oldest answer is
 * that no acknowledged checkpoint holds, for the run starts no request when that is too long ago.
 */
export class RunCheckpoints {
  /** performance.now() of the oldest answer that is in no checkpoint, and in none under way. */
  #unwrittenSince: number | null = null;
  /** The same of the checkpoint under way. */
  #underWaySince: number | null = null;
  #writing: Promise<void> | null = null;
  #timer: NodeJS.Timeout | undefined;
  #refused = false;
  #failed = false;
  #stopped = false;

  constructor(private readonly options: RunCheckpointsOptions) {}

  /** The progress has changed. */
  noteAnswer(): void {
    if (this.#unwrittenSince !== null) return; // it is under way already
    this.#unwrittenSince = performance.now();
    this.#schedule(EVERY_MS);
  }

  /** Milliseconds since the oldest answer that is not acknowledged; 0 when all are. */
  unsavedForMs(mono = performance.now()): number {
    const since = this.#underWaySince ?? this.#unwrittenSince;
    return since === null ? 0 : mono - since;
  }

  /**
   * Writes what is not written. Resolves with whether all of it is: false when the job belongs to
   * another run, or when `isWorthIt` says no while Redis refuses.
   */
  async flush(isWorthIt: () => boolean): Promise<boolean> {
    clearTimeout(this.#timer);
    while (!this.#refused && (this.#writing !== null || this.#unwrittenSince !== null)) {
      await (this.#writing ?? this.#write());
      if (!this.#failed) continue;
      if (!isWorthIt()) return false;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    return !this.#refused;
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #schedule(ms: number): void {
    if (this.#timer !== undefined || this.#writing !== null || this.#stopped) return;
    this.#timer = setTimeout(() => void this.#write(), ms);
  }

  #write(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#writing ??= this.#writeOnce().finally(() => {
      this.#writing = null;
      if (this.#unwrittenSince !== null && !this.#refused) this.#schedule(this.#failed ? RETRY_MS : EVERY_MS);
    });
    return this.#writing;
  }

  async #writeOnce(): Promise<void> {
    this.#underWaySince = this.#unwrittenSince;
    this.#unwrittenSince = null;
    try {
      const written = await this.options.write(encodeProgress(this.options.progress));
      this.#failed = false;
      this.#underWaySince = null;
      if (written) this.options.onSaved();
      else {
        this.#refused = true;
        this.options.onRefused();
      }
    } catch {
      // The writer's owner has logged it. Nothing of it may count as saved.
      this.#failed = true;
      this.#unwrittenSince = this.#underWaySince ?? this.#unwrittenSince;
      this.#underWaySince = null;
    }
  }
}
