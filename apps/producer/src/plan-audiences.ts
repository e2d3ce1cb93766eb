import { setTimeout as sleep } from 'node:timers/promises';
import type { Lane } from '@pushfleet/shared/domain/lanes';
import { UrgentBudget } from '@pushfleet/shared/domain/urgent-budget';
import { type AudienceLists, countGroupMembers, readAudienceLists } from '@pushfleet/shared/store/audience';
import { withdrawClaims } from '@pushfleet/shared/store/claims';
import { renewLeases, takeOverPlannings } from '@pushfleet/shared/store/planning-leases';
import {
  newBatchNonce,
  type Planning,
  PlanningLostError,
  readOwnPlannings,
} from '@pushfleet/shared/store/plans';
import { type FreshClaims, newNonce } from './claim-due-rows.ts';
import { GRACE_MS, planLargeAudience } from './plan-large-audience.ts';
import { SmallAudiencePlanner } from './plan-small-audiences.ts';
import type { ProducerContext } from './producer-context.ts';
import { QueueAtOnce } from './queue-at-once.ts';

const NEWEST_PER_LOOK = 50;
const OLDEST_PER_LOOK = 350;
const TAKEN_OVER_PER_LOOK = 500;
const SMALL_GROUP = 200;
/** From so many memberships on an audience is planned alone, with the fixed memory that its uniqueness needs. */
const LARGE = 10_000;
/** A claim that is not frozen by then was left by a producer that died. */
const UNFROZEN_MS = 3_000;
const LEASES_EVERY_MS = 2_000;
/** A look waits so long for one audience with groups; then that goes on beside it, so that nobody waits behind it. */
const ALONE_MS = 100;
const ALONE_AT_ONCE = 3;
const LOOK_MS = 200;
/** One whose planning failed is left alone for a while: what ails it may ail it for ever. */
const FAILED_REST_MS = 5_000;
/** What was just claimed is planned at once, so much of it; the rest of a flood waits for a look. */
const FRESH_MEMBERS = 5_000;
/** So many groups at a time; the last one is for the newest of a flood, among which an alert may be. */
const FRESH_GROUPS = 3;

/** Turns claims into batches in MySQL: hundreds of small ones in one statement, large ones page by page. */
export class AudiencePlanner {
  readonly #context: ProducerContext;
  readonly #budget: UrgentBudget;
  readonly #small: SmallAudiencePlanner;
  readonly #queueAtOnce: QueueAtOnce;
  readonly #onPlanned: () => void;
  readonly #stopping = new AbortController();
  /** Plannings of audiences with groups that are under way, and among them at most one large one. */
  readonly #alone = new Map<number, Promise<void>>();
  #large: number | null = null;
  /** Found to be large while another large one was under way: nobody counts them again and again. */
  readonly #largeWaiting = new Set<number>();
  /** Under way from a claim to the queue. */
  readonly #fresh = new Set<Promise<void>>();
  /** Dispatches that a look is planning: another look leaves them alone. */
  readonly #underWay = new Set<number>();
  readonly #restUntil = new Map<number, number>();
  #leasesAt = 0;

  constructor(context: ProducerContext, onPlanned: () => void) {
    this.#context = context;
    this.#budget = new UrgentBudget(context.config.PUSHFLEET_URGENT_MAX_RECIPIENTS);
    this.#onPlanned = onPlanned;
    this.#small = new SmallAudiencePlanner(context, this.#budget, (planning, error) =>
      this.#tellFailed(planning, error),
    );
    this.#queueAtOnce = new QueueAtOnce(context);
  }

  /**
   * Plans at once what was just claimed and may be an alert, and has it queued if it is one. What goes wrong here, and
   * everything else, is left to the looks.
   *
   * @param onLeft told when there is something left for a look
   */
  planFresh(claims: FreshClaims, onLeft: () => void): void {
    const isBusy = this.#fresh.size >= (claims.areNewest ? FRESH_GROUPS : FRESH_GROUPS - 1);
    const small = isBusy ? [] : this.#likeAlerts(claims);
    // A look finds nothing before they are frozen. That this failed is told by whoever freezes them.
    if (small.length < claims.plannings.length) claims.frozen.then(onLeft, () => {});
    if (small.length === 0) return;
    for (const { dispatchId } of small) this.#underWay.add(dispatchId);
    const done = this.#planFresh(small, claims)
      .catch((error: unknown) => {
        this.#context.log.debug(
          { event: 'planning.left', dispatches: small.length, err: error },
          'planning what was just claimed broke off; the next look plans it',
        );
        return 0;
      })
      .then((planned) => {
        for (const { dispatchId } of small) this.#underWay.delete(dispatchId);
        this.#fresh.delete(done);
        if (planned < small.length) onLeft();
      });
    this.#fresh.add(done);
  }

  /** Those that may go to the urgent lane, as long as they are few: the audiences are held in memory. */
  #likeAlerts({ plannings, lists }: FreshClaims): Planning[] {
    const { PUSHFLEET_URGENT_MAX_RECIPIENTS: most } = this.#context.config;
    let members = 0;
    const alike: Planning[] = [];
    for (const planning of plannings) {
      const list = lists.get(planning.notificationId!)!;
      const mayBeUrgent =
        planning.lane === 'urgent' || (planning.lane === null && list.directMembers <= most);
      if (!mayBeUrgent || list.directMembers === 0 || !this.#small.isSmall(planning, list)) continue;
      if (!this.#isFree(planning.dispatchId)) continue;
      members += list.directMembers;
      if (alike.length === SMALL_GROUP || members > FRESH_MEMBERS) break;
      alike.push(planning);
    }
    return alike;
  }

  /** @returns how many were planned */
  async #planFresh(plannings: readonly Planning[], { lists, frozen }: FreshClaims): Promise<number> {
    const startedAt = Date.now();
    const nonce = newBatchNonce();
    const drafted = this.#queueAtOnce.choose(await this.#small.draft(plannings, lists), nonce);
    await frozen;
    const times = { markedAt: performance.now(), startedAt: Date.now() };
    const saved = await this.#small.save(drafted, nonce, startedAt);
    await this.#queueAtOnce.add(saved, times);
    const planned = saved.filter(({ job }) => job === null);
    if (planned.length > 0) this.#onPlanned();
    if (planned.every(({ page }) => page.lane !== 'urgent')) this.#context.rightOfWay.queued();
    return saved.length;
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
    const free = found.filter(({ dispatchId }) => this.#isFree(dispatchId));
    await this.#withdrawUnfrozen(free);
    const ready = free.filter(
      ({ dispatchId, request, notificationId }) =>
        request !== null && notificationId !== null && this.#isFree(dispatchId),
    );
    for (const { dispatchId } of ready) this.#underWay.add(dispatchId);
    try {
      const lists = await readAudienceLists(
        this.#context.store,
        ready.map(({ notificationId }) => notificationId!),
      );
      const known = ready.filter(({ notificationId, ageMs }) => {
        const { groupIds, directMembers } = lists.get(notificationId!)!;
        return groupIds.length > 0 || directMembers > 0 || ageMs >= GRACE_MS;
      });
      const isSmall = (planning: Planning) =>
        this.#small.isSmall(planning, lists.get(planning.notificationId!)!);
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
      for (const { dispatchId } of ready) if (!this.#alone.has(dispatchId)) this.#underWay.delete(dispatchId);
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
    await Promise.all([...this.#alone.values(), ...this.#fresh]);
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
    const startedAt = Date.now();
    const drafted = await this.#small.draft(plannings, lists);
    return (await this.#small.save(drafted, newBatchNonce(), startedAt)).length;
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
