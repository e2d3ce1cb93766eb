import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { normalizeDeviceToken } from '@pushfleet/shared/domain/device-token';
import { DeviceTokenSet, EXACT_CAPACITY, RepeatFinder } from '@pushfleet/shared/domain/device-token-set';
import type { Lane } from '@pushfleet/shared/domain/lanes';
import { decodeRecipients } from '@pushfleet/shared/domain/recipient-list';
import {
  type AudienceBranches,
  type AudienceLists,
  type AudienceMember,
  readAudienceLists,
  readAudiencePage,
  readTokensById,
} from '@pushfleet/shared/store/audience';
import { type Planning, readPlannedRecipients, savePlannedPage } from '@pushfleet/shared/store/plans';
import { appFilterOf } from './app-filter.ts';
import { sortMembers, toBatches } from './audience-plan.ts';
import type { ProducerContext } from './producer-context.ts';

const PAGE_SIZE = 5_000;
/** Groups in one statement; more are scanned one lot after another, with the same set. */
const GROUPS_PER_PASS = 20;
const GRACE_MS = 5_000;

interface LargePlan {
  /** Memberships counted before the scan: decides how repeats are found. */
  readonly memberships: number;
  readonly lane: Lane;
  readonly signal: AbortSignal;
}

/**
 * Plans one audience to its end, page by page: each page's batches and the cursor in one transaction. A
 * producer that takes over learns from the batches whom not to take again.
 *
 * @throws PlanningLostError when another producer plans it now, or it was cancelled
 */
export async function planLargeAudience(
  context: ProducerContext,
  planning: Planning,
  lists: AudienceLists,
  plan: LargePlan,
): Promise<void> {
  const uniqueness = await findRepeats(context, planning, lists, plan);
  if (planning.batches > 0) await takeWhatIsPlanned(context, planning, uniqueness.take);
  const scan = new AudienceScan(context, planning, plan, uniqueness.take);
  const start = parseCursor(planning.cursor, lists);
  await scan.run(lists, start);
  await scan.untilListsRest(lists);
  if (!plan.signal.aborted) await scan.finish();
}

class AudienceScan {
  readonly #context: ProducerContext;
  readonly #planning: Planning;
  readonly #plan: LargePlan;
  readonly #take: (deviceToken: string) => boolean;
  #counts: Planning['counts'];
  #nextSeq: number;
  #cursor = '';

  constructor(
    context: ProducerContext,
    planning: Planning,
    plan: LargePlan,
    take: (deviceToken: string) => boolean,
  ) {
    this.#context = context;
    this.#planning = planning;
    this.#plan = plan;
    this.#take = take;
    this.#nextSeq = planning.batches;
    this.#counts = planning.counts;
  }

  /** Scans the audience from `start` on and writes batches of everybody who was not taken yet. */
  async run(lists: AudienceLists, start: Cursor, countsLeftOut = true): Promise<void> {
    const { config, store } = this.#context;
    this.#counts = {
      ...this.#counts,
      directMembers: lists.directMembers,
      tokenGroups: lists.groupIds.length,
    };
    await forEachPage(
      this.#context,
      this.#planning,
      lists,
      start,
      this.#plan.signal,
      async (members, cursor) => {
        const sorted = sortMembers(members, this.#take, this.#counts);
        const { recipients, malformed } = sorted.counts;
        // Another look at the same audience finds its own recipients again: they are no duplicates.
        this.#counts = countsLeftOut ? sorted.counts : { ...this.#counts, recipients, malformed };
        const found = countsLeftOut ? sorted : { ...sorted, twins: [] };
        const { dispatchId } = this.#planning;
        const batches = toBatches(
          dispatchId,
          store.backend.tokenId.kind,
          this.#nextSeq,
          config.PUSHFLEET_BATCH_SIZE,
          found,
        );
        this.#cursor = cursorText(cursor, lists);
        await savePlannedPage(store, this.#planning, {
          batches,
          cursor: this.#cursor,
          counts: this.#counts,
          lane: this.#plan.lane,
          complete: false,
        });
        this.#nextSeq += batches.length;
      },
    );
  }

  /** A backend without transactions may still be inserting: looks again while the lists change. */
  async untilListsRest(lists: AudienceLists): Promise<void> {
    let seen = lists;
    const until = Date.now() + GRACE_MS;
    while (!this.#plan.signal.aborted && Date.now() < until) {
      const now = await readLists(this.#context, this.#planning);
      if (now.directMembers === seen.directMembers && now.groupIds.join() === seen.groupIds.join()) return;
      await sleep(100);
      await this.run(now, { pass: 0, after: null }, false);
      seen = now;
    }
  }

  async finish(): Promise<void> {
    await savePlannedPage(this.#context.store, this.#planning, {
      batches: [],
      cursor: this.#cursor,
      counts: this.#counts,
      lane: this.#plan.lane,
      complete: true,
    });
    const { dispatchId, notificationId } = this.#planning;
    this.#context.log.info(
      {
        event: 'dispatch.planned',
        dispatchId,
        notificationId,
        recipients: this.#counts.recipients,
        batches: this.#nextSeq,
        lane: this.#plan.lane,
      },
      'audience planned',
    );
  }
}

/** How a device token is found to be in the audience already, in a fixed amount of memory. */
async function findRepeats(
  context: ProducerContext,
  planning: Planning,
  lists: AudienceLists,
  { memberships, signal }: LargePlan,
): Promise<{ take: (deviceToken: string) => boolean }> {
  const set = new DeviceTokenSet();
  if (memberships <= EXACT_CAPACITY) return { take: (deviceToken) => set.add(deviceToken) };
  // Too many for an exact set: a first scan finds the few that may stand there twice, only they are kept.
  const finder = new RepeatFinder();
  await forEachPage(context, planning, lists, { pass: 0, after: null }, signal, async (members) => {
    for (const { deviceToken: stored, active, ofApp } of members) {
      const deviceToken = active && ofApp ? normalizeDeviceToken(stored) : null;
      if (deviceToken !== null && finder.seenBefore(deviceToken)) set.add(deviceToken);
    }
  });
  return { take: (deviceToken) => set.take(deviceToken) };
}

/** After a take-over: marks everybody as taken who stands in a batch. */
async function takeWhatIsPlanned(
  { store }: ProducerContext,
  { dispatchId }: Planning,
  take: (deviceToken: string) => boolean,
): Promise<void> {
  for await (const lists of readPlannedRecipients(store, dispatchId)) {
    for (const list of lists) {
      const ids = decodeRecipients(list);
      const rows = await readTokensById(store, ids);
      for (const id of ids) {
        const deviceToken = normalizeDeviceToken(rows.get(id)?.deviceToken ?? null);
        take(deviceToken ?? `malformed ${id}`);
      }
    }
  }
}

interface Cursor {
  readonly pass: number;
  readonly after: string | null;
}

async function forEachPage(
  context: ProducerContext,
  planning: Planning,
  lists: AudienceLists,
  start: Cursor,
  signal: AbortSignal,
  visit: (members: readonly AudienceMember[], next: Cursor) => Promise<void>,
): Promise<void> {
  const passes = passesOf(planning, lists);
  const filter = appFilterOf(context, planning.app);
  for (let pass = start.pass; pass < passes.length; pass++) {
    let after = pass === start.pass ? start.after : null;
    do {
      if (signal.aborted) return;
      const page = await readAudiencePage(context.store, passes[pass]!, after, PAGE_SIZE, filter);
      after = page.next;
      await visit(page.members, after === null ? { pass: pass + 1, after: null } : { pass, after });
    } while (after !== null);
  }
}

function passesOf(
  { notificationId }: Planning,
  { groupIds, directMembers }: AudienceLists,
): AudienceBranches[] {
  const passes: AudienceBranches[] = [];
  for (let at = 0; at < groupIds.length; at += GROUPS_PER_PASS)
    passes.push({ directOf: null, groupIds: groupIds.slice(at, at + GROUPS_PER_PASS) });
  if (directMembers === 0) return passes;
  const [first, ...others] = passes;
  return [{ directOf: notificationId, groupIds: first?.groupIds ?? [] }, ...others];
}

/** The stored cursor, as long as the groups are those that it was made for; else the start. */
function parseCursor(text: string | null, lists: AudienceLists): Cursor {
  if (text === null || text === '') return { pass: 0, after: null };
  const { pass, after, groups } = JSON.parse(text) as Cursor & { groups: string };
  return groups === groupsDigest(lists) ? { pass, after } : { pass: 0, after: null };
}

function cursorText({ pass, after }: Cursor, lists: AudienceLists): string {
  return JSON.stringify({ pass, after, groups: groupsDigest(lists) });
}

function groupsDigest({ groupIds, directMembers }: AudienceLists): string {
  return createHash('sha256')
    .update(`${directMembers > 0} ${groupIds.join()}`)
    .digest('hex')
    .slice(0, 16);
}

async function readLists({ store }: ProducerContext, { notificationId }: Planning): Promise<AudienceLists> {
  return (await readAudienceLists(store, [notificationId!])).get(notificationId!)!;
}
