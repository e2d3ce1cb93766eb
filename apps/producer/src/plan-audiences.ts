import { setTimeout as sleep } from 'node:timers/promises';
import type { Lane } from '@pushfleet/shared/domain/lanes';
import { UrgentBudget } from '@pushfleet/shared/domain/urgent-budget';
import { killPoint } from '@pushfleet/shared/platform/kill-point';
import {
  type AudienceLists,
  countGroupMembers,
  readAudienceLists,
  readDirectMembers,
} from '@pushfleet/shared/store/audience';
import { withdrawClaims } from '@pushfleet/shared/store/claims';
import { renewLeases, takeOverPlannings } from '@pushfleet/shared/store/planning-leases';
import {
  type PlannedPage,
  type Planning,
  PlanningLostError,
  readOwnPlannings,
  saveSmallPlans,
} from '@pushfleet/shared/store/plans';
import { appFilterOf } from './app-filter.ts';
import { NO_COUNTS, sortMembers, toBatches } from './audience-plan.ts';
import { newNonce } from './claim-due-rows.ts';
import { isSameLists, planLargeAudience } from './plan-large-audience.ts';
import type { ProducerContext } from './producer-context.ts';
import { traceSmallPlans } from './producer-spans.ts';

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
/** A look waits so long for one audience with groups; then that goes on beside it, so that nobody waits behind it. */
const ALONE_MS = 100;
const ALONE_AT_ONCE = 3;
const LOOK_MS = 200;
/** One whose planning failed is left alone for a while: what ails it may ail it for ever. */
const FAILED_REST_MS = 5_000;

/** Turns claims into batches in MySQL: hundreds of small ones in one statement, large ones page by page. */
export class AudiencePlanner {
  readonly #context: ProducerContext;
  readonly #budget: UrgentBudget;
  readonly #onPlanned: () => void;
  readonly #stopping = new AbortController();
  /** Plannings of audiences with groups that are under way, and among them at most one large one. */
  readonly #alone = new Map<number, Promise<void>>();
  #large: number | null = null;
  /** Found to be large while another large one was under way: nobody counts them again and again. */
  readonly #largeWaiting = new Set<number>();
  /** Dispatches that a look is planning: another look leaves them alone. */
  readonly #underWay = new Set<number>();
  readonly #restUntil = new Map<number, number>();
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
    const plannings = found.filter(({ dispatchId }) => this.#isFree(dispatchId));
    for (const { dispatchId } of plannings) this.#underWay.add(dispatchId);
    try {
      await this.#withdrawUnfrozen(plannings);
      const ready = plannings.filter(
        ({ request, notificationId }) => request !== null && notificationId !== null,
      );
      const lists = await readAudienceLists(
        this.#context.store,
        ready.map(({ notificationId }) => notificationId!),
      );
      const known = ready.filter(({ notificationId, ageMs }) => {
        const { groupIds, directMembers } = lists.get(notificationId!)!;
        return groupIds.length > 0 || directMembers > 0 || ageMs >= GRACE_MS;
      });
      const isSmall = ({ notificationId, batches }: Planning) => {
        const { groupIds, directMembers } = lists.get(notificationId!)!;
        const { PUSHFLEET_BATCH_SIZE: batchSize } = this.#context.config;
        return groupIds.length === 0 && directMembers <= batchSize && batches === 0;
      };
      const small = known.filter(isSmall);
      let planned = 0;
      for (let at = 0; at < small.length; at += SMALL_GROUP)
        planned += await this.#planSmall(small.slice(at, at + SMALL_GROUP), lists);
      if (planned > 0) this.#onPlanned();
      const until = performance.now() + LOOK_MS;
      for (const planning of known.filter((one) => !isSmall(one))) {
        // The next look begins with the small ones that came meanwhile.
        if (performance.now() > until) return true;
        if (await this.#planAlone(planning, lists.get(planning.notificationId!)!)) planned++;
      }
      return planned > 0;
    } finally {
      for (const { dispatchId } of plannings)
        if (!this.#alone.has(dispatchId)) this.#underWay.delete(dispatchId);
    }
  }

  #isFree(dispatchId: number): boolean {
    if (this.#underWay.has(dispatchId)) return false;
    if (this.#large !== null && this.#largeWaiting.has(dispatchId)) return false;
    return (this.#restUntil.get(dispatchId) ?? 0) <= Date.now();
  }

  /** Stops between two pages; another producer goes on from there at once. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await Promise.all(this.#alone.values());
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

  async #planSmall(
    plannings: readonly Planning[],
    lists: ReadonlyMap<string, AudienceLists>,
  ): Promise<number> {
    const { store } = this.#context;
    const startedAt = Date.now();
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
        .flatMap((planning) => {
          try {
            return [
              { planning, page: this.#smallPage(planning, members.get(planning.notificationId!)!, lists) },
            ];
          } catch (error) {
            this.#tellFailed(planning, error);
            return [];
          }
        });
      planned += await this.#saveSmall(plans, startedAt);
    }
    return planned;
  }

  /** One plan that MySQL refuses does not keep the others of its group from being saved. */
  async #saveSmall(plans: Parameters<typeof saveSmallPlans>[1], startedAt: number): Promise<number> {
    try {
      const saved = await saveSmallPlans(this.#context.store, plans);
      killPoint('producer.afterSmallPlans');
      traceSmallPlans(this.#context, plans, saved, startedAt);
      return saved.length;
    } catch (error) {
      if (!isRefusedValue(error)) throw error;
      const [first, ...others] = plans;
      if (others.length === 0) {
        this.#tellFailed(first!.planning, error);
        return 0;
      }
      let saved = 0;
      for (const plan of plans) saved += await this.#saveSmall([plan], startedAt);
      return saved;
    }
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

  /**
   * Plans one audience with groups, or a large one. Waits a moment for it; what takes longer goes on beside
   * the small ones, a large one with no other large one beside it.
   *
   * @returns true when it is planned now
   */
  async #planAlone(planning: Planning, lists: AudienceLists): Promise<boolean> {
    const { store } = this.#context;
    const { dispatchId } = planning;
    if (this.#alone.size >= ALONE_AT_ONCE) return false;
    const isLarge = lists.directMembers + (await countGroupMembers(store, lists.groupIds, LARGE)) >= LARGE;
    // Another look may have started some meanwhile.
    if (this.#alone.size >= ALONE_AT_ONCE) return false;
    if (isLarge && this.#large !== null) {
      this.#largeWaiting.add(dispatchId);
      return false;
    }
    if (isLarge) this.#large = dispatchId;
    const done = this.#planPages(planning, lists)
      .catch((error: unknown) => this.#tellFailed(planning, error))
      .then(() => {
        this.#alone.delete(dispatchId);
        this.#underWay.delete(dispatchId);
        if (this.#large === dispatchId) {
          this.#large = null;
          this.#largeWaiting.clear();
        }
        this.#onPlanned();
      });
    this.#alone.set(dispatchId, done);
    await Promise.race([done, sleep(ALONE_MS, undefined, { ref: false })]);
    return !this.#alone.has(dispatchId);
  }

  async #planPages(planning: Planning, lists: AudienceLists): Promise<void> {
    const memberships = lists.directMembers + (await countGroupMembers(this.#context.store, lists.groupIds));
    await planLargeAudience(this.#context, planning, lists, {
      memberships,
      lane: this.#budget.laneFor(memberships, planning.dueAt, planning.lane as Lane | null),
      signal: this.#stopping.signal,
    });
  }

  /** Others are not held up by it; it goes on from its cursor later. */
  #tellFailed({ dispatchId }: Planning, error: unknown): void {
    if (error instanceof PlanningLostError) return;
    for (const [id, until] of this.#restUntil) if (until <= Date.now()) this.#restUntil.delete(id);
    this.#restUntil.set(dispatchId, Date.now() + FAILED_REST_MS);
    this.#context.log.warn(
      { event: 'planning.failed', dispatchId, err: error },
      'planning broke off; it goes on from its cursor',
    );
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
