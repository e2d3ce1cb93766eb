import type { Log } from '@pushfleet/shared/platform/log';
import type { ControlCopy } from '@pushfleet/shared/queue/control-copy';

/** The producer queues lost batches again 2.5 s after it announced that Redis was emptied. */
const ANSWERS_WITHIN_MS = 1_500;

export interface WipedRedisOptions {
  /** Has what runs wait for its answers no longer than until then (performance.now() milliseconds). */
  readonly drainUntil: (mono: number) => void;
  /** Tells what was told in the last minute once more. */
  readonly tellAgain: () => Promise<number>;
  /** Told all again: the lanes may open. */
  readonly onTold: () => void;
  readonly log: Log;
}

/**
 * What a worker does when Redis was emptied: it speaks before anything is queued again (F9). Lanes close
 * meanwhile; runs end as soon as their answers are there, and publish what they know.
 */
export class WipedRedis {
  #epoch: number | null = null;
  #speaking = 0;

  constructor(private readonly options: WipedRedisOptions) {}

  /** Whether it has still to speak: nothing is taken or sent until then. */
  get isSpeaking(): boolean {
    return this.#speaking > 0;
  }

  /** @param isMissing Redis answers and has no copy; not merely that none could be read */
  look(copy: ControlCopy | null, isMissing: boolean): void {
    if (copy === null && !isMissing) return;
    const isNew = copy !== null && this.#epoch !== null && copy.epoch !== this.#epoch;
    this.#epoch = copy?.epoch ?? this.#epoch;
    if (copy === null || isNew || copy.phase === 'recovering')
      this.options.drainUntil(performance.now() + ANSWERS_WITHIN_MS);
    if (isNew) void this.#speak(copy.epoch);
  }

  async #speak(epoch: number): Promise<void> {
    const { tellAgain, onTold, log } = this.options;
    this.#speaking++;
    const results = await tellAgain();
    this.#speaking--;
    log.warn({ event: 'redis.wiped', epoch, results }, 'Redis was emptied; told again what was told of late');
    onTold();
  }
}
