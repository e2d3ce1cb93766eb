import { setTimeout as sleep } from 'node:timers/promises';
import type { BatchResult } from '@pushfleet/shared/domain/batch-job';
import type { Log } from '@pushfleet/shared/platform/log';

/** Results of batches that end together go in one round trip. */
const GATHER_MS = 2;
const MOST_AT_ONCE = 100;
const RETRY_MS = 200;
const ANSWER_WITHIN_MS = 5_000;

export interface ResultsPublisherOptions {
  /** Names this worker in the ids of results; unique in the fleet. */
  readonly worker: string;
  readonly add: (results: readonly { result: BatchResult; unique: string }[]) => Promise<void>;
  readonly log: Log;
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
  #busy = false;
  #count = 0;

  constructor(private readonly options: ResultsPublisherOptions) {}

  /** Resolves with true when Redis has it, with false when it was no longer wanted. */
  publish(result: BatchResult, isWanted: () => boolean): Promise<boolean> {
    return new Promise((resolve) => {
      const unique = `${this.options.worker}-${++this.#count}`;
      this.#waiting.push({ result, unique, isWanted, resolve });
      void this.#work();
    });
  }

  async #work(): Promise<void> {
    if (this.#busy) return;
    this.#busy = true;
    while (this.#waiting.length > 0) {
      await sleep(GATHER_MS);
      const group = this.#waiting.splice(0, MOST_AT_ONCE);
      if (await this.#add(group)) {
        for (const entry of group) entry.resolve(true);
        continue;
      }
      for (const entry of group) if (!entry.isWanted()) entry.resolve(false);
      this.#waiting.unshift(...group.filter((entry) => entry.isWanted()));
      await sleep(RETRY_MS);
    }
    this.#busy = false;
  }

  async #add(group: readonly Entry[]): Promise<boolean> {
    try {
      await within(this.options.add(group), ANSWER_WITHIN_MS);
      return true;
    } catch (error) {
      this.options.log.debug(
        { event: 'results.refused', err: error, results: group.length },
        'Redis did not take results; trying again',
      );
      return false;
    }
  }
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
