import { readResultsBacklog, retryFailedResults } from '@pushfleet/shared/queue/results-backlog';
import type { ProducerContext } from './producer-context.ts';

/** Results are recorded within milliseconds; one that waits for so long, no producer can record. */
const STUCK_MS = 60_000;
const SAME_ALARM_MS = 60_000;

/**
 * Raises an alarm when results are not recorded. A batch whose result is stuck would neither end nor count
 * as lost: its result is there (F4).
 */
export class StuckResults {
  readonly #toldAt = new Map<string, number>();
  #stuck: string | null = null;

  constructor(private readonly context: ProducerContext) {}

  /** Null, or what is stuck, in a sentence. */
  get stuck(): string | null {
    return this.#stuck;
  }

  async look(): Promise<void> {
    const { redis, queues, log } = this.context;
    let stuck: string | null = null;
    for (const { app, results } of queues) {
      if (redis.status !== 'ready') break;
      const { failed, oldestMs } = await readResultsBacklog(redis, results);
      if (failed > 0) {
        if (this.#mayTell(`failed ${app.name}`))
          log.error(
            { event: 'results.failed', app: app.name, results: failed },
            'results are in the failed set; they are recorded once more',
          );
        await retryFailedResults(results);
      }
      if (oldestMs <= STUCK_MS) continue;
      const seconds = Math.round(oldestMs / 1_000);
      stuck = `a result of ${app.name} waits for ${seconds} s to be recorded`;
      if (this.#mayTell(`stuck ${app.name}`))
        log.error(
          { event: 'results.stuck', app: app.name, seconds },
          'results are not recorded; is MySQL there, and does it take writes?',
        );
    }
    this.#stuck = stuck;
  }

  #mayTell(what: string): boolean {
    const now = performance.now();
    if (now - (this.#toldAt.get(what) ?? Number.NEGATIVE_INFINITY) < SAME_ALARM_MS) return false;
    this.#toldAt.set(what, now);
    return true;
  }
}
