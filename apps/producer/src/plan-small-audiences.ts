import type { Lane } from '@pushfleet/shared/domain/lanes';
import type { UrgentBudget } from '@pushfleet/shared/domain/urgent-budget';
import { killPoint } from '@pushfleet/shared/platform/kill-point';
import {
  type AudienceLists,
  type AudienceMember,
  readAudienceLists,
  readDirectMembers,
} from '@pushfleet/shared/store/audience';
import {
  AudienceGrewError,
  type Planning,
  type SmallPlan,
  saveSmallPlans,
} from '@pushfleet/shared/store/plans';
import { appFilterOf } from './app-filter.ts';
import { NO_COUNTS, sortMembers, toBatches } from './audience-plan.ts';
import { GRACE_MS, isSameLists } from './plan-large-audience.ts';
import type { ProducerContext } from './producer-context.ts';
import { traceSmallPlans } from './producer-spans.ts';

/** A plan that is not written yet, with what it was made of. */
export interface DraftedPlan extends SmallPlan {
  readonly lists: AudienceLists;
  readonly members: readonly AudienceMember[];
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
   * Reads audiences and makes their plans.
   *
   * @param lists as they were seen before, by notification: the plan stands if they are the same when it is saved
   */
  async draft(
    plannings: readonly Planning[],
    lists: ReadonlyMap<string, AudienceLists>,
  ): Promise<DraftedPlan[]> {
    const drafted: DraftedPlan[] = [];
    for (const [app, group] of byApp(plannings)) {
      const members = await readDirectMembers(
        this.#context.store,
        group.map(({ notificationId }) => notificationId!),
        appFilterOf(this.#context, app),
      );
      for (const planning of group) {
        const id = planning.notificationId!;
        try {
          drafted.push(this.#draftOne(planning, members.get(id)!, lists.get(id)!));
        } catch (error) {
          this.#onFailed(planning, error);
        }
      }
    }
    return drafted;
  }

  /**
   * Writes plans. One that MySQL refuses does not keep the others from being written; one whose audience is still
   * growing is left to the next look, for as long as the grace lasts.
   *
   * @param nonce of their batches
   * @param startedAt milliseconds since 1970, when their planning began
   * @returns those that were written
   */
  async save<Plan extends DraftedPlan>(
    plans: readonly Plan[],
    nonce: string,
    startedAt: number,
  ): Promise<Plan[]> {
    if (plans.length === 0) return [];
    try {
      const saved = await saveSmallPlans(this.#context.store, plans, {
        nonce,
        grown: () => this.#grown(plans),
      });
      killPoint('producer.afterSmallPlans');
      traceSmallPlans(this.#context, plans, saved, startedAt);
      const taken = new Set(saved);
      return plans.filter(({ planning }) => taken.has(planning.dispatchId));
    } catch (error) {
      if (error instanceof AudienceGrewError) {
        const grown = new Set(error.dispatchIds);
        const others = plans.filter(({ planning }) => !grown.has(planning.dispatchId));
        return this.save(others, nonce, startedAt);
      }
      if (!isRefusedValue(error)) throw error;
      if (plans.length > 1) return this.#saveOneByOne(plans, nonce, startedAt);
      this.#onFailed(plans[0]!.planning, error);
      return [];
    }
  }

  /** What was saved is returned even where the rest cannot be: somebody may have to add it to Redis. */
  async #saveOneByOne<Plan extends DraftedPlan>(
    plans: readonly Plan[],
    nonce: string,
    startedAt: number,
  ): Promise<Plan[]> {
    const saved: Plan[] = [];
    for (const plan of plans) {
      try {
        saved.push(...(await this.save([plan], nonce, startedAt)));
      } catch (error) {
        if (saved.length === 0) throw error;
        break;
      }
    }
    return saved;
  }

  /** Compared over as long a time as possible: a backend may insert the members one by one, without a transaction. */
  async #grown(plans: readonly DraftedPlan[]): Promise<number[]> {
    const young = plans.filter(({ planning }) => planning.ageMs <= GRACE_MS);
    const now = await readAudienceLists(
      this.#context.store,
      young.map(({ planning }) => planning.notificationId!),
    );
    return young
      .filter(({ planning, lists }) => !isSameLists(lists, now.get(planning.notificationId!)!))
      .map(({ planning }) => planning.dispatchId);
  }

  #draftOne(planning: Planning, members: readonly AudienceMember[], lists: AudienceLists): DraftedPlan {
    const { config, store } = this.#context;
    const taken = new Set<string>();
    const sorted = sortMembers(members, (deviceToken) => taken.size < taken.add(deviceToken).size, {
      ...NO_COUNTS,
      directMembers: lists.directMembers,
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
      lists,
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
