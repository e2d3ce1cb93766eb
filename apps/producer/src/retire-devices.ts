import { killPoint } from '@pushfleet/shared/platform/kill-point';
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
  #after = 0;

  constructor(context: ProducerContext) {
    this.#context = context;
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
    const zone = columnZone(store.backend.registeredAtIsTimestamp, config);
    const { applied, kept } = await applyRetirements(store, pending, (retirement, row) => {
      killPoint('producer.inRetirement'); // locked, not committed
      return decideRetirement(retirement, row, earlierOf(earlier, retirement), zone);
    });
    if (applied.length + kept > 0)
      log.info(
        { event: 'device.retired', retired: applied.length, kept },
        'device tokens that APNs called dead switched off',
      );
    return pending.length === AT_ONCE;
  }
}

function earlierOf(all: readonly EarlierRetirement[], retirement: PendingRetirement): EarlierRetirement[] {
  return all.filter(({ tokenId, digest }) => tokenId === retirement.tokenId && digest === retirement.digest);
}
