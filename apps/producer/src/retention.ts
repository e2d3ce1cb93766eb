import { setTimeout as sleep } from 'node:timers/promises';
import {
  type RetentionRules,
  readOldDispatches,
  removeDispatchPart,
  removeOldCommands,
} from '@pushfleet/shared/store/retention';
import type { ProducerContext } from './producer-context.ts';

/** Transactions of one look: some ten thousand rows. */
const PARTS_PER_LOOK = 50;
/** Between two of them others get their turn, in MySQL too. */
const PAUSE_MS = 10;

/**
 * Removes what is older than PUSHFLEET_RETENTION from the `pushfleet_*` tables: a few rows at a time, by
 * primary key, and nothing that somebody holds. It never removes what keeps a row of the backend's from being
 * sent again.
 */
export class OldRowRemover {
  readonly #context: ProducerContext;
  /** Where the walk over the dispatches stands; 0: at its start. */
  #walkedTo = 0;

  constructor(context: ProducerContext) {
    this.#context = context;
  }

  /** @returns true when there is more to remove or to look at */
  async look(): Promise<boolean> {
    const { store, log } = this.#context;
    const rules = this.#rules();
    const commands = await removeOldCommands(store, rules);
    const { ids, next } = await readOldDispatches(store, rules, this.#walkedTo);
    let parts = 0;
    let removed = 0;
    let done = 0;
    for (const dispatchId of ids) {
      let end: Awaited<ReturnType<typeof removeDispatchPart>>;
      do {
        if (parts++ >= PARTS_PER_LOOK) break;
        end = await removeDispatchPart(store, dispatchId, rules);
        if (end === 'gone') removed++;
        await sleep(PAUSE_MS);
      } while (end === 'part');
      if (parts > PARTS_PER_LOOK) break;
      done++;
    }
    if (removed > 0 || commands > 0)
      log.info(
        { event: 'retention.removed', dispatches: removed, commands },
        'rows older than PUSHFLEET_RETENTION are removed',
      );
    // Not all of these: the next look begins at them again.
    if (done < ids.length) return true;
    this.#walkedTo = next;
    return next > 0;
  }

  #rules(): RetentionRules {
    const { PUSHFLEET_RETENTION: ageMs, PUSHFLEET_MAX_AGE: maxAge } = this.#context.config;
    return { ageMs, windowMs: maxAge === 'today' ? 86_400_000 : maxAge };
  }
}
