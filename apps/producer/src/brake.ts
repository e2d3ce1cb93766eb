import { brakeSentence } from '@pushfleet/shared/domain/brake';
import {
  type DispatchFigures,
  holdDispatch,
  readBrakeFigures,
  readHoldable,
} from '@pushfleet/shared/store/holds';
import type { ProducerContext } from './producer-context.ts';

const AT_ONCE = 100;
const SWEEP_EVERY_MS = 5_000;
const TOLD_AT_MOST = 1_000;

/**
 * The retirement brake: a notification of which an unusual share is refused for its device tokens is held
 * until a person decides. What waits of it waits in MySQL, so that nobody else waits for it.
 */
export class Brake {
  readonly #context: ProducerContext;
  readonly #onHeld: () => void;
  /** Dispatches with new refusals of that kind: looked at first. */
  readonly #hints = new Set<number>();
  readonly #told = new Set<number>();
  #sweptAt = 0;
  #sweptTo = 0;

  constructor(context: ProducerContext, onHeld: () => void) {
    this.#context = context;
    this.#onHeld = onHeld;
  }

  hint(dispatchId: number): void {
    this.#hints.add(dispatchId);
  }

  /** @returns true when there is more to look at */
  async look(): Promise<boolean> {
    const hinted = [...this.#hints].slice(0, AT_ONCE);
    await this.#check(hinted);
    for (const dispatchId of hinted) this.#hints.delete(dispatchId);
    // What another producer has recorded, or this one before it died.
    if (Date.now() - this.#sweptAt >= SWEEP_EVERY_MS) {
      const ids = await readHoldable(this.#context.store, this.#sweptTo, AT_ONCE);
      await this.#check(ids);
      this.#sweptTo = ids.length === AT_ONCE ? ids.at(-1)! : 0;
      if (this.#sweptTo === 0) this.#sweptAt = Date.now();
    }
    return this.#hints.size > 0 || this.#sweptTo > 0;
  }

  async #check(dispatchIds: readonly number[]): Promise<void> {
    const { store, config } = this.#context;
    const rule = { share: config.PUSHFLEET_BRAKE_SHARE, minAnswers: config.PUSHFLEET_BRAKE_MIN };
    for (const figures of await readBrakeFigures(store, dispatchIds)) {
      const sentence = brakeSentence(figures, rule);
      if (sentence === null || figures.released) continue;
      if (!['planning', 'sending'].includes(figures.state)) this.#tellEnded(figures, sentence);
      else if (await holdDispatch(store, figures.dispatchId, sentence)) this.#tellHeld(figures, sentence);
    }
  }

  #tellHeld({ dispatchId, notificationId, app }: DispatchFigures, reason: string): void {
    this.#onHeld();
    this.#context.log.error(
      { event: 'notification.held', dispatchId, notificationId, app, reason },
      `notification ${notificationId ?? ''} is held: ${reason}. pushfleet resume or pushfleet cancel decides`,
    );
  }

  /** Small ones have ended before anybody could hold them: somebody should know all the same. */
  #tellEnded({ dispatchId, notificationId, app, state }: DispatchFigures, reason: string): void {
    if (state === 'held' || state === 'cancelled' || this.#told.has(dispatchId)) return;
    if (this.#told.size >= TOLD_AT_MOST) this.#told.clear();
    this.#told.add(dispatchId);
    this.#context.log.error(
      { event: 'notification.refused', dispatchId, notificationId, app, reason },
      'a notification ended with an unusual share of refused device tokens; none of them is retired',
    );
  }
}
