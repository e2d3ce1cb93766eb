import { BRAKE_REASONS, brakeSentence } from '@pushfleet/shared/domain/brake';
import { killPoint } from '@pushfleet/shared/platform/kill-point';
import { readBrakeFigures } from '@pushfleet/shared/store/holds';
import {
  applyRetirements,
  type EarlierRetirement,
  type PendingRetirement,
  readEarlierRetirements,
  readPendingRetirements,
} from '@pushfleet/shared/store/retirements';
import { columnZone } from './claim-due-rows.ts';
import type { ProducerContext } from './producer-context.ts';
import { decideRetirement } from './retirement-rule.ts';

/** Few rows at a time: what we lock, every app start that registers may wait for. */
const AT_ONCE = 20;

/**
 * Switches off the device tokens that APNs called dead, in a loop of its own: where the backend holds their
 * rows, nothing but this waits.
 */
export class DeviceRetirer {
  readonly #context: ProducerContext;
  readonly #onRetired: (app: string, reason: string) => void;
  #after = 0;

  /** @param onRetired told of each device token that was switched off */
  constructor(context: ProducerContext, onRetired: (app: string, reason: string) => void = () => {}) {
    this.#context = context;
    this.#onRetired = onRetired;
  }

  /** @returns true when there is more to do at once */
  async look(): Promise<boolean> {
    const { store, config, log } = this.#context;
    const pending = await readPendingRetirements(store, this.#after, AT_ONCE);
    if (pending.length === 0) {
      // Those that were locked come again.
      this.#after = 0;
      return false;
    }
    this.#after = pending.at(-1)!.id;
    const earlier = await readEarlierRetirements(
      store,
      pending.map(({ tokenId }) => tokenId),
    );
    const braked = await this.#braked(pending);
    const zone = columnZone(store.backend.registeredAtIsTimestamp, config);
    const { applied, kept } = await applyRetirements(store, pending, (retirement, row) => {
      killPoint('producer.inRetirement'); // locked, not committed
      if (braked.has(retirement.dispatchId) && BRAKE_REASONS.has(retirement.reason))
        return { state: 'kept', note: 'an unusual share of its notification was refused like this' };
      return decideRetirement(retirement, row, earlierOf(earlier, retirement), zone);
    });
    for (const { app, reason } of applied) this.#onRetired(app, reason);
    if (applied.length + kept > 0)
      log.info(
        { event: 'device.retired', retired: applied.length, kept },
        'device tokens that APNs called dead switched off',
      );
    return pending.length === AT_ONCE;
  }

  /** Dispatches of which the brake would hold, or has held, what waits; an operator's release lets them retire. */
  async #braked(pending: readonly PendingRetirement[]): Promise<Set<number>> {
    const { store, config } = this.#context;
    const accused = pending.filter(({ reason }) => BRAKE_REASONS.has(reason));
    const figures = await readBrakeFigures(store, [...new Set(accused.map(({ dispatchId }) => dispatchId))]);
    const rule = { share: config.PUSHFLEET_BRAKE_SHARE, minAnswers: config.PUSHFLEET_BRAKE_MIN };
    const braked = figures.filter((one) => !one.released && brakeSentence(one, rule) !== null);
    return new Set(braked.map(({ dispatchId }) => dispatchId));
  }
}

function earlierOf(all: readonly EarlierRetirement[], retirement: PendingRetirement): EarlierRetirement[] {
  return all.filter(({ tokenId, digest }) => tokenId === retirement.tokenId && digest === retirement.digest);
}
