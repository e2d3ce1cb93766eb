import { setTimeout as sleep } from 'node:timers/promises';

/** So long after a claim its notification is taken to be under way to the urgent lane. */
const UNDER_WAY_MS = 60;
/** Longest wait before one piece of work: a stream of alerts slows a campaign down and never stops it. */
const MOST_WAIT_MS = 20;
const LOOK_AGAIN_MS = 2;
/** Rows that are claimed more often than this make a stream of alerts. */
const STREAM_MS = 500;

/**
 * Alerts before campaigns within one producer. A row passes a dozen statements from its claim to its queue,
 * and each answer waits for whatever this process is computing. So whoever works through a large audience asks
 * before each page, and waits a moment while a row that was just claimed is on its way.
 */
export class RightOfWay {
  #until = Number.NEGATIVE_INFINITY;
  #claimedAt = Number.NEGATIVE_INFINITY;

  /** Rows were claimed; among them may be an alert. */
  claimed(): void {
    this.#claimedAt = performance.now();
    this.#until = this.#claimedAt + UNDER_WAY_MS;
  }

  /** While alerts come in one after another, a campaign is not planned and queued at the same time. */
  get alertsComeIn(): boolean {
    return performance.now() - this.#claimedAt < STREAM_MS;
  }

  /** The urgent lane has what was on its way to it. */
  queued(): void {
    this.#until = Number.NEGATIVE_INFINITY;
  }

  /** Resolves when the way is free, or after 20 ms. */
  async giveWay(): Promise<void> {
    const until = performance.now() + MOST_WAIT_MS;
    while (performance.now() < Math.min(this.#until, until)) await sleep(LOOK_AGAIN_MS);
  }
}
