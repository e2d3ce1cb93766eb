import { dueWindow } from '@pushfleet/shared/domain/due-window';
import { findSentResets } from '@pushfleet/shared/store/sent-resets';
import { backendZone } from './claim-due-rows.ts';
import type { ProducerContext } from './producer-context.ts';

const AT_ONCE = 200;
/** More are told once more: memory stays small. */
const REMEMBERED = 10_000;

/**
 * Says which rows have `sent` set back with the same due time. They are not sent again: an object mapper that
 * writes all its columns does that by accident. Each is told once.
 */
export class SentResetReporter {
  readonly #context: ProducerContext;
  readonly #told = new Set<number>();

  constructor(context: ProducerContext) {
    this.#context = context;
  }

  async look(): Promise<void> {
    const { config, store, log } = this.#context;
    if (config.PUSHFLEET_ON_SENT_RESET !== 'report') return;
    const window = dueWindow(Date.now(), backendZone(this.#context), config.PUSHFLEET_MAX_AGE, Date.now());
    const resets = await findSentResets(store, window, AT_ONCE);
    const fresh = resets.filter(({ dispatchId }) => !this.#told.has(dispatchId));
    if (fresh.length === 0) return;
    if (this.#told.size > REMEMBERED) this.#told.clear();
    for (const { dispatchId } of fresh) this.#told.add(dispatchId);
    log.warn(
      {
        event: 'notification.sentReset',
        notifications: fresh.length,
        ids: fresh.slice(0, 10).map(({ notificationId }) => notificationId),
      },
      'rows that were sent have sent set back with the same due time; they are not sent again (PUSHFLEET_ON_SENT_RESET)',
    );
  }
}
