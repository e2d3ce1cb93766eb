import type { Lane } from '@pushfleet/shared/domain/lanes';
import { UrgentBudget } from '@pushfleet/shared/domain/urgent-budget';
import {
  type AudienceLists,
  countGroupMembers,
  readAudienceLists,
  readDirectMembers,
} from '@pushfleet/shared/store/audience';
import { withdrawClaims } from '@pushfleet/shared/store/claims';
import {
  type PlannedPage,
  type Planning,
  PlanningLostError,
  readOwnPlannings,
  renewLeases,
  saveSmallPlans,
  takeOverPlannings,
} from '@pushfleet/shared/store/plans';
import { appFilterOf } from './app-filter.ts';
import { NO_COUNTS, sortMembers, toBatches } from './audience-plan.ts';
import { newNonce } from './claim-due-rows.ts';
import { planLargeAudience } from './plan-large-audience.ts';
import type { ProducerContext } from './producer-context.ts';

const NEWEST_PER_LOOK = 50;
const OLDEST_PER_LOOK = 350;
const TAKEN_OVER_PER_LOOK = 500;
const SMALL_GROUP = 200;
/** From so many memberships on an audience is planned alone, with the fixed memory that its uniqueness needs. */
const LARGE = 10_000;
/** A backend without transactions may still be inserting the audience of a row. */
const GRACE_MS = 5_000;
/** A claim that is not frozen by then was left by a producer that died. */
const UNFROZEN_MS = 3_000;
const LEASES_EVERY_MS = 2_000;

/** Turns claims into batches in MySQL: hundreds of small ones in one statement, large ones page by page. */
export class AudiencePlanner {
  readonly #context: ProducerContext;
  readonly #budget: UrgentBudget;
  readonly #onPlanned: () => void;
  readonly #stopping = new AbortController();
  #large: { readonly dispatchId: number; readonly done: Promise<void> } | null = null;
  /** Dispatches that a look is planning: another look leaves them alone. */
  readonly #underWay = new Set<number>();
  #leasesAt = 0;

  constructor(context: ProducerContext, onPlanned: () => void) {
    this.#context = context;
    this.#budget = new UrgentBudget(context.config.PUSHFLEET_URGENT_MAX_RECIPIENTS);
    this.#onPlanned = onPlanned;
  }

  /** One look, from the oldest due on. @returns true when something was planned: there may be more */
  async look(): Promise<boolean> {
    await this.#keepLeases();
    return this.#plan(
      await readOwnPlannings(this.#context.store, this.#context.owner, 'oldest', OLDEST_PER_LOOK),
    );
  }

  /** Plans the newest due beside the others, so that an alert does not wait for a campaign. */
  async lookAtFresh(): Promise<boolean> {
    return this.#plan(
      await readOwnPlannings(this.#context.store, this.#context.owner, 'newest', NEWEST_PER_LOOK),
    );
  }

  async #plan(found: readonly Planning[]): Promise<boolean> {
    const plannings = found.filter(({ dispatchId }) => !this.#underWay.has(dispatchId));
    for (const { dispatchId } of plannings) this.#underWay.add(dispatchId);
    try {
      await this.#withdrawUnfrozen(plannings);
      const ready = plannings.filter(
        ({ request, notificationId }) => request !== null && notificationId !== null,
      );
      let planned = 0;
      for (let at = 0; at < ready.length; at += SMALL_GROUP)
        planned += await this.#planGroup(ready.slice(at, at + SMALL_GROUP));
      if (planned > 0) this.#onPlanned();
      return planned > 0;
    } finally {
      for (const { dispatchId } of plannings)
        if (dispatchId !== this.#large?.dispatchId) this.#underWay.delete(dispatchId);
    }
  }

  /** Stops between two pages; another producer goes on from there at once. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#large?.done;
  }

  async #keepLeases(): Promise<void> {
    if (Date.now() - this.#leasesAt < LEASES_EVERY_MS) return;
    this.#leasesAt = Date.now();
    const { store, owner, log } = this.#context;
    await renewLeases(store, owner);
    const taken = await takeOverPlannings(store, owner, newNonce(), TAKEN_OVER_PER_LOOK);
    if (taken > 0)
      log.info(
        { event: 'planning.takenOver', dispatches: taken },
        'took over what a silent producer was planning',
      );
  }

  async #withdrawUnfrozen(plannings: readonly Planning[]): Promise<void> {
    const unfrozen = plannings.filter(({ request, ageMs }) => request === null && ageMs > UNFROZEN_MS);
    await withdrawClaims(
      this.#context.store,
      unfrozen.map(({ dispatchId }) => dispatchId),
    );
  }

  async #planGroup(plannings: readonly Planning[]): Promise<number> {
    const lists = await readAudienceLists(
      this.#context.store,
      plannings.map(({ notificationId }) => notificationId!),
    );
    const small: Planning[] = [];
    let planned = 0;
    for (const planning of plannings) {
      const { groupIds, directMembers } = lists.get(planning.notificationId!)!;
      if (groupIds.length === 0 && directMembers === 0 && planning.ageMs < GRACE_MS) continue;
      const isSmall = groupIds.length === 0 && directMembers <= this.#context.config.PUSHFLEET_BATCH_SIZE;
      if (isSmall && planning.batches === 0) small.push(planning);
      else if (await this.#planAlone(planning, lists.get(planning.notificationId!)!)) planned++;
    }
    return planned + (await this.#planSmall(small, lists));
  }

  async #planSmall(
    plannings: readonly Planning[],
    lists: ReadonlyMap<string, AudienceLists>,
  ): Promise<number> {
    const { store } = this.#context;
    let planned = 0;
    for (const [app, group] of byApp(plannings)) {
      const ids = group.map(({ notificationId }) => notificationId!);
      const members = await readDirectMembers(store, ids, appFilterOf(this.#context, app));
      const listsNow = await readAudienceLists(store, ids);
      const plans = group
        // Still growing: looked at again at once, for as long as the grace lasts.
        .filter(
          (p) =>
            p.ageMs > GRACE_MS ||
            isSameLists(lists.get(p.notificationId!)!, listsNow.get(p.notificationId!)!),
        )
        .map((planning) => ({
          planning,
          page: this.#smallPage(planning, members.get(planning.notificationId!)!, lists),
        }));
      planned += (await saveSmallPlans(store, plans)).length;
    }
    return planned;
  }

  #smallPage(
    planning: Planning,
    members: Parameters<typeof sortMembers>[0],
    lists: ReadonlyMap<string, AudienceLists>,
  ): PlannedPage {
    const { config, store } = this.#context;
    const taken = new Set<string>();
    const sorted = sortMembers(members, (deviceToken) => taken.size < taken.add(deviceToken).size, {
      ...NO_COUNTS,
      directMembers: lists.get(planning.notificationId!)!.directMembers,
    });
    return {
      batches: toBatches(
        planning.dispatchId,
        store.backend.tokenId.kind,
        0,
        config.PUSHFLEET_BATCH_SIZE,
        sorted,
      ),
      cursor: '',
      counts: sorted.counts,
      lane: this.#budget.laneFor(sorted.recipients.length, planning.dueAt, planning.lane as Lane | null),
      complete: true,
    };
  }

  /** Plans one audience with groups, or a large one. A large one runs beside the small ones, one at a time. */
  async #planAlone(planning: Planning, lists: AudienceLists): Promise<boolean> {
    const { store, log } = this.#context;
    const memberships = lists.directMembers + (await countGroupMembers(store, lists.groupIds));
    const isLarge = memberships >= LARGE;
    if (isLarge && this.#large !== null) return false;
    const lane = this.#budget.laneFor(memberships, planning.dueAt, planning.lane as Lane | null);
    const work = planLargeAudience(this.#context, planning, lists, {
      memberships,
      lane,
      signal: this.#stopping.signal,
    });
    if (!isLarge) {
      await work.catch(ignoreLost);
      return true;
    }
    const done = work
      .catch(ignoreLost)
      .catch((error: unknown) => {
        log.warn(
          { event: 'planning.failed', dispatchId: planning.dispatchId, err: error },
          'planning broke off; it goes on from its cursor',
        );
      })
      .then(() => {
        this.#large = null;
        this.#underWay.delete(planning.dispatchId);
        this.#onPlanned();
      });
    this.#large = { dispatchId: planning.dispatchId, done };
    return false;
  }
}

function ignoreLost(error: unknown): void {
  if (!(error instanceof PlanningLostError)) throw error;
}

function isSameLists(a: AudienceLists, b: AudienceLists): boolean {
  return a.directMembers === b.directMembers && a.groupIds.join() === b.groupIds.join();
}

function byApp(plannings: readonly Planning[]): Map<string, Planning[]> {
  const groups = new Map<string, Planning[]>();
  for (const planning of plannings) groups.set(planning.app, [...(groups.get(planning.app) ?? []), planning]);
  return groups;
}
