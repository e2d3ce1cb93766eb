import type { Lane } from '@pushfleet/shared/domain/lanes';
import type { UrgentBudget } from '@pushfleet/shared/domain/urgent-budget';
import { killPoint } from '@pushfleet/shared/platform/kill-point';
import {
  type AudienceLists,
  type AudienceMember,
  readSmallAudiences,
  type SmallAudience,
} from '@pushfleet/shared/store/audience';
import { newBatchNonce, type Planning, type SmallPlan, saveSmallPlans } from '@pushfleet/shared/store/plans';
import { appFilterOf } from './app-filter.ts';
import { NO_COUNTS, sortMembers, toBatches } from './audience-plan.ts';
import { isSameLists } from './plan-large-audience.ts';
import type { ProducerContext } from './producer-context.ts';
import { traceSmallPlans } from './producer-spans.ts';

/** A backend without transactions may still be inserting the audience of a row. */
export const GRACE_MS = 5_000;

/** A plan that is not written yet, with those whom it was made of. */
export interface DraftedPlan extends SmallPlan {
  readonly members: readonly AudienceMember[];
}

/** A plan that stands in MySQL. */
export interface SavedPlan extends DraftedPlan {
  /** Of its batches. */
  readonly nonce: string;
}

/** Plans audiences that fit into one batch, many in one statement. */
export class SmallAudiencePlanner {
  readonly #context: ProducerContext;
  readonly #budget: UrgentBudget;
  readonly #onFailed: (planning: Planning, error: unknown) => void;

  /** @param onFailed told of a plan that cannot be made or written; the others are not held up by it */
  constructor(
    context: ProducerContext,
    budget: UrgentBudget,
    onFailed: (planning: Planning, error: unknown) => void,
  ) {
    this.#context = context;
    this.#budget = budget;
    this.#onFailed = onFailed;
  }

  /** @param lists of the planning's notification */
  isSmall({ batches }: Planning, { groupIds, directMembers }: AudienceLists): boolean {
    const { PUSHFLEET_BATCH_SIZE: batchSize } = this.#context.config;
    return groupIds.length === 0 && directMembers <= batchSize && batches === 0;
  }

  /**
   * Reads the audiences and makes their plans, but for those that are still growing: they are looked at again at
   * once, for as long as the grace lasts.
   *
   * @param lists as they were seen before, by notification
   */
  async draft(
    plannings: readonly Planning[],
    lists: ReadonlyMap<string, AudienceLists>,
  ): Promise<DraftedPlan[]> {
    const drafted: DraftedPlan[] = [];
    for (const [app, group] of byApp(plannings)) {
      const audiences = await readSmallAudiences(
        this.#context.store,
        group.map(({ notificationId }) => notificationId!),
        appFilterOf(this.#context, app),
      );
      for (const planning of group) {
        const audience = audiences.get(planning.notificationId!)!;
        const seen = lists.get(planning.notificationId!)!;
        if (planning.ageMs <= GRACE_MS && !isSameLists(seen, audience.lists)) continue;
        try {
          drafted.push(this.#draftOne(planning, audience, seen));
        } catch (error) {
          this.#onFailed(planning, error);
        }
      }
    }
    return drafted;
  }

  /**
   * Writes plans. One that MySQL refuses does not keep the others from being written.
   *
   * @param startedAt milliseconds since 1970, when their planning began
   */
  async save(plans: readonly DraftedPlan[], startedAt: number): Promise<SavedPlan[]> {
    if (plans.length === 0) return [];
    const nonce = newBatchNonce();
    try {
      const saved = await saveSmallPlans(this.#context.store, plans, nonce);
      killPoint('producer.afterSmallPlans');
      traceSmallPlans(this.#context, plans, saved, startedAt);
      const taken = new Set(saved);
      return plans
        .filter(({ planning }) => taken.has(planning.dispatchId))
        .map((plan) => ({ ...plan, nonce }));
    } catch (error) {
      if (!isRefusedValue(error)) throw error;
      const [first, ...others] = plans;
      if (others.length === 0) {
        this.#onFailed(first!.planning, error);
        return [];
      }
      const saved: SavedPlan[] = [];
      for (const plan of plans) saved.push(...(await this.save([plan], startedAt)));
      return saved;
    }
  }

  #draftOne(planning: Planning, { members }: SmallAudience, seen: AudienceLists): DraftedPlan {
    const { config, store } = this.#context;
    const taken = new Set<string>();
    const sorted = sortMembers(members, (deviceToken) => taken.size < taken.add(deviceToken).size, {
      ...NO_COUNTS,
      directMembers: seen.directMembers,
    });
    const batches = toBatches(
      planning.dispatchId,
      store.backend.tokenId.kind,
      0,
      config.PUSHFLEET_BATCH_SIZE,
      sorted,
    );
    const lane = this.#budget.laneFor(sorted.recipients.length, planning.dueAt, planning.lane as Lane | null);
    return {
      planning,
      page: { batches, cursor: '', counts: sorted.counts, lane, complete: true },
      members,
    };
  }
}

/** Data too long, out of range, not of the column's type, duplicate: the values are at fault, not the server. */
function isRefusedValue(error: unknown): boolean {
  return [1062, 1264, 1366, 1406].includes((error as { errno?: number }).errno ?? 0);
}

function byApp(plannings: readonly Planning[]): Map<string, Planning[]> {
  const groups = new Map<string, Planning[]>();
  for (const planning of plannings) groups.set(planning.app, [...(groups.get(planning.app) ?? []), planning]);
  return groups;
}
