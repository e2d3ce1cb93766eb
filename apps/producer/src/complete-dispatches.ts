import { deviceTokenDigest, normalizeDeviceToken } from '@pushfleet/shared/domain/device-token';
import { decodeRecipients } from '@pushfleet/shared/domain/recipient-list';
import { wallTime } from '@pushfleet/shared/domain/wall-time';
import { killPoint } from '@pushfleet/shared/platform/kill-point';
import { type Among, completeDispatches, readFinishedDispatches } from '@pushfleet/shared/store/completion';
import { readTokensById } from '@pushfleet/shared/store/device-token-rows';
import {
  addTwinRetirements,
  readDispatchesWithTwins,
  readRetirementsOf,
  readTwinLists,
} from '@pushfleet/shared/store/retirements';
import { columnZone } from './claim-due-rows.ts';
import type { ProducerContext } from './producer-context.ts';
import { traceSettled } from './producer-spans.ts';

const GROUP = 200;
const SWEEP_EVERY_MS = 2_000;

/**
 * Ends dispatches whose batches are all settled, and sets `sent` with it. It looks at the state and not at
 * events, so that two recorders that settle the last two batches at once cannot both miss it.
 */
export class DispatchCompleter {
  readonly #context: ProducerContext;
  /** Dispatches of which a batch was settled lately: looked at first. */
  readonly #hints = new Set<number>();
  #sweptAt = 0;
  /** Where a sweep over all that are sending stands; 0: at its start. */
  #sweptTo = 0;

  constructor(context: ProducerContext) {
    this.#context = context;
  }

  hint(dispatchId: number): void {
    this.#hints.add(dispatchId);
  }

  /** @returns true when there is more to end at once */
  async look(): Promise<boolean> {
    const hinted = [...this.#hints].slice(0, GROUP);
    for (const dispatchId of hinted) this.#hints.delete(dispatchId);
    await this.#end({ ids: hinted });
    if (Date.now() - this.#sweptAt >= SWEEP_EVERY_MS) {
      // On from the last one of the group: those whose rows the backend holds locked must not hide the others.
      const group = await this.#end({ after: this.#sweptTo });
      this.#sweptTo = group.length === GROUP ? group.at(-1)!.dispatchId : 0;
      if (this.#sweptTo > 0) return true;
      this.#sweptAt = Date.now();
    }
    return this.#hints.size > 0;
  }

  async #end(among: Among): Promise<Awaited<ReturnType<typeof readFinishedDispatches>>> {
    const { store, config, log } = this.#context;
    const finished = await readFinishedDispatches(store, among, GROUP);
    const ids = finished.map(({ dispatchId }) => dispatchId);
    for (const dispatchId of await readDispatchesWithTwins(store, ids))
      await retireTwins(this.#context, dispatchId);
    const startedAt = Date.now();
    const ended = await completeDispatches(
      store,
      finished,
      wallTime(Date.now(), columnZone(store.backend.sentAtIsTimestamp, config)),
    );
    if (ended.length > 0) {
      killPoint('producer.afterCompletion');
      traceSettled(this.#context, ended, startedAt);
      log.info(
        { event: 'dispatch.done', dispatches: ended.length, ids: ended.slice(0, 10) },
        'notifications done',
      );
    }
    return finished;
  }
}

/**
 * The same device token may stand in several rows: only one was sent to, and if APNs called it dead the
 * others are as dead. Without this each would cost another refusal at the next notification.
 */
async function retireTwins({ store }: ProducerContext, dispatchId: number): Promise<void> {
  const lists = await readTwinLists(store, dispatchId);
  const retired = await readRetirementsOf(store, dispatchId);
  for (const list of lists) {
    const rows = await readTokensById(store, decodeRecipients(list));
    const twins = [...rows].flatMap(([tokenId, { deviceToken: stored }]) => {
      const deviceToken = normalizeDeviceToken(stored);
      const digest = deviceToken === null ? '' : deviceTokenDigest(deviceToken);
      const retirement = retired.get(digest);
      return retirement === undefined ? [] : [{ tokenId, digest, ...retirement }];
    });
    await addTwinRetirements(store, dispatchId, twins);
  }
}
