import { setTimeout as sleep } from 'node:timers/promises';
import type { BatchResult } from '@pushfleet/shared/domain/batch-job';
import type { Log } from '@pushfleet/shared/platform/log';
import { KeptText } from './kept-text.ts';

/** Results of batches that end together go in one round trip. */
const GATHER_MS = 2;
const MOST_AT_ONCE = 100;
const RETRY_MS = 200;
const ANSWER_WITHIN_MS = 5_000;
/** How long what was told may still be lost: Redis can forget what no producer has recorded yet (F9). */
const REMEMBERED_MS = 60_000;
/** Most that is remembered, in characters: some ten million recipients in full batches. */
const REMEMBERED_CHARACTERS = 16_000_000;
const TOLD_AGAIN_WITHIN_MS = 10_000;
const SAME_REFUSAL_MS = 30_000;

export interface ResultsPublisherOptions {
  /** Names this worker in the ids of results; unique in the fleet. */
  readonly worker: string;
  readonly add: (results: readonly { result: BatchResult; unique: string }[]) => Promise<void>;
  readonly log: Log;
  /** Default 16 million. */
  readonly rememberedCharacters?: number;
}

interface Remembered {
  /** Without its progress, which is most of it. */
  readonly result: BatchResult;
  readonly progress: KeptText;
  /** performance.now() milliseconds. */
  readonly at: number;
}

interface Entry {
  readonly result: BatchResult;
  readonly unique: string;
  readonly isWanted: () => boolean;
  resolve(published: boolean): void;
}

/**
 * Publishes results. A result whose add was not acknowledged is added again under the same id, as long as
 * its run wants it: a repeat is ignored or merged. Each run waits for its own, which bounds the memory.
 */
export class ResultsPublisher {
  readonly #waiting: Entry[] = [];
  /** The last result of each batch, the latest at the end. */
  readonly #told = new Map<string, Remembered>();
  #toldCharacters = 0;
  #busy = false;
  #count = 0;
  #refusalToldAt = Number.NEGATIVE_INFINITY;

  constructor(private readonly options: ResultsPublisherOptions) {}

  /** Resolves with true when Redis has it, with false when it was no longer wanted. */
  publish(result: BatchResult, isWanted: () => boolean): Promise<boolean> {
    return new Promise((resolve) => {
      const unique = `${this.options.worker}-${++this.#count}`;
      this.#waiting.push({ result, unique, isWanted, resolve });
      void this.#work();
    });
  }

  /**
   * Tells again what it told of each batch in the last minute: Redis was emptied. The latest first, since
   * those are the least likely to be recorded; what runs at the moment may come in between.
   *
   * @returns results that Redis has taken
   */
  async tellAgain(): Promise<number> {
    this.#forget();
    const told = [...this.#told.values()].reverse();
    const until = performance.now() + TOLD_AGAIN_WITHIN_MS;
    let taken = 0;
    for (let at = 0; at < told.length && performance.now() < until; at += MOST_AT_ONCE) {
      const group = told.slice(at, at + MOST_AT_ONCE);
      const published = await Promise.all(
        group.map(({ result, progress }) =>
          this.publish({ ...result, progress: progress.text }, () => performance.now() < until),
        ),
      );
      taken += published.filter(Boolean).length;
    }
    return taken;
  }

  #remember(result: BatchResult): void {
    const key = `${result.dispatch}-${result.seq}`;
    this.#drop(key);
    const remembered = {
      result: { ...result, progress: '' },
      progress: new KeptText(result.progress),
      at: performance.now(),
    };
    this.#told.set(key, remembered);
    this.#toldCharacters += sizeOf(remembered);
    this.#forget();
  }

  #forget(): void {
    const since = performance.now() - REMEMBERED_MS;
    const most = this.options.rememberedCharacters ?? REMEMBERED_CHARACTERS;
    for (const [key, { at }] of this.#told) {
      if (at >= since && this.#toldCharacters <= most) return;
      this.#drop(key);
    }
  }

  #drop(key: string): void {
    const known = this.#told.get(key);
    if (known === undefined) return;
    this.#told.delete(key);
    this.#toldCharacters -= sizeOf(known);
  }

  async #work(): Promise<void> {
    if (this.#busy) return;
    this.#busy = true;
    while (this.#waiting.length > 0) {
      await sleep(GATHER_MS);
      const group = this.#waiting.splice(0, MOST_AT_ONCE);
      if (await this.#add(group)) {
        for (const entry of group) {
          this.#remember(entry.result);
          entry.resolve(true);
        }
        continue;
      }
      const kept: Entry[] = [];
      for (const entry of group) {
        if (entry.isWanted()) {
          kept.push(entry);
          continue;
        }
        // Answers that Redis was not there to take; that the batch has ended is not for a lost run to say.
        if (!entry.result.ended) this.#remember(entry.result);
        entry.resolve(false);
      }
      this.#waiting.unshift(...kept);
      await sleep(RETRY_MS);
    }
    this.#busy = false;
  }

  /** That Redis is away others say; that it is there and refuses nobody else would. */
  #tell(error: unknown, results: number): void {
    const isRefusal = error instanceof Error && error.name === 'ReplyError';
    const isNews = isRefusal && performance.now() - this.#refusalToldAt > SAME_REFUSAL_MS;
    if (isNews) this.#refusalToldAt = performance.now();
    this.options.log[isNews ? 'warn' : 'debug'](
      { event: 'results.refused', err: error, results },
      'Redis did not take results; trying again',
    );
  }

  async #add(group: readonly Entry[]): Promise<boolean> {
    try {
      await within(this.options.add(group), ANSWER_WITHIN_MS);
      return true;
    } catch (error) {
      this.#tell(error, group.length);
      return false;
    }
  }
}

/** In characters; the other fields weigh about as much as this. */
function sizeOf({ progress }: Remembered): number {
  return progress.size + 200;
}

async function within(work: Promise<void>, ms: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('no answer in time')), ms);
  });
  try {
    await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
