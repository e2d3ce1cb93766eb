import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { normalizeDeviceToken } from '@pushfleet/shared/domain/device-token';
import type { Lane } from '@pushfleet/shared/domain/lanes';
import { decodeRecipients, idRange } from '@pushfleet/shared/domain/recipient-list';
import { killPoint } from '@pushfleet/shared/platform/kill-point';
import { type AudienceLists, type AudienceMember, readAudienceLists } from '@pushfleet/shared/store/audience';
import { readTokensById } from '@pushfleet/shared/store/device-token-rows';
import { readPlannedRecipients, readRecipientsBetween } from '@pushfleet/shared/store/planned-recipients';
import { type Planning, savePlannedPage } from '@pushfleet/shared/store/plans';
import { appFilterOf } from './app-filter.ts';
import {
  type Cursor,
  findRepeats,
  forEachPage,
  type PagedAudience,
  type TakenDeviceTokens,
} from './audience-pages.ts';
import { malformedKey, sortMembers, toBatches } from './audience-plan.ts';
import type { ProducerContext } from './producer-context.ts';
import { tracePlanned } from './producer-spans.ts';

/** A backend without transactions may still be inserting the audience of a row. */
export const GRACE_MS = 5_000;
/** After each page while workers could take what is planned already: queueing it goes first. */
const REST_MS = 25;

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
  const startedAt = Date.now();
  const taken = await findRepeats(audienceOf(context, planning, lists, plan.signal), plan.memberships);
  if (planning.batches > 0) await takeWhatIsPlanned(context, planning, taken.take);
  const scan = new AudienceScan(context, planning, plan, taken, startedAt);
  const { start, isAgain } = parseCursor(planning.cursor, lists);
  // Not where a device that is pushed to could come into the audience once more: by an app that registers anew when
  // it is opened, with a device token of which this process does not know that it was taken.
  if (taken.knowsAll && planning.batches === 0) context.sentWhilePlanned.add(planning.dispatchId);
  try {
    await scan.run(lists, start, isAgain);
    await scan.untilListsRest(lists);
    if (!plan.signal.aborted) await scan.finish();
  } finally {
    context.sentWhilePlanned.delete(planning.dispatchId);
  }
}

/** Whether a backend has added nothing meanwhile. */
export function isSameLists(a: AudienceLists, b: AudienceLists): boolean {
  return a.directMembers === b.directMembers && a.groupIds.join() === b.groupIds.join();
}

class AudienceScan {
  readonly #context: ProducerContext;
  readonly #planning: Planning;
  readonly #plan: LargePlan;
  readonly #taken: TakenDeviceTokens;
  #counts: Planning['counts'];
  #nextSeq: number;
  #cursor = '';
  readonly #startedAt: number;

  constructor(
    context: ProducerContext,
    planning: Planning,
    plan: LargePlan,
    taken: TakenDeviceTokens,
    startedAt: number,
  ) {
    this.#context = context;
    this.#planning = planning;
    this.#plan = plan;
    this.#taken = taken;
    this.#nextSeq = planning.batches;
    this.#counts = planning.counts;
    this.#startedAt = startedAt;
  }

  /**
   * Scans the audience from `start` on and writes batches of everybody who was not taken yet.
   *
   * @param isAgain it was scanned before, as a whole or in part: it finds its own recipients again
   */
  async run(lists: AudienceLists, start: Cursor, isAgain: boolean): Promise<void> {
    const { config, store } = this.#context;
    const { dispatchId } = this.#planning;
    const idKind = store.backend.tokenId.kind;
    this.#counts = {
      ...this.#counts,
      directMembers: lists.directMembers,
      tokenGroups: lists.groupIds.length,
    };
    await forEachPage(
      audienceOf(this.#context, this.#planning, lists, this.#plan.signal),
      start,
      async (page, cursor) => {
        // By their ids too: a device token may have changed in place since.
        const members = isAgain ? await withoutPlanned(store, dispatchId, page) : page;
        const sorted = sortMembers(members, this.#taken.take, this.#counts);
        const { recipients, malformed } = sorted.counts;
        // Its own recipients are no duplicates, and who was left out before is counted already.
        this.#counts = isAgain ? { ...this.#counts, recipients, malformed } : sorted.counts;
        const found = isAgain ? { ...sorted, twins: [] } : sorted;
        const batches = toBatches(dispatchId, idKind, this.#nextSeq, config.PUSHFLEET_BATCH_SIZE, found);
        this.#cursor = cursorText(cursor, lists);
        const planned = { batches, cursor: this.#cursor, counts: this.#counts, lane: this.#plan.lane };
        await savePlannedPage(store, this.#planning, { ...planned, complete: false }, this.#nextSeq);
        killPoint('producer.afterPage');
        this.#nextSeq += batches.length;
        if (this.#isOutrunning()) await sleep(REST_MS);
      },
    );
  }

  /** Whether the queueing of this campaign is behind its planning, and nothing else keeps it back. */
  #isOutrunning(): boolean {
    const { sentWhilePlanned, laneRoom, rightOfWay, redis } = this.#context;
    const { lane } = this.#plan;
    if (lane !== 'bulk' || !sentWhilePlanned.has(this.#planning.dispatchId)) return false;
    return redis.status === 'ready' && !rightOfWay.alertsComeIn && !laneRoom.isFull(this.#planning.app, lane);
  }

  /** A backend without transactions may still be inserting: looks again while the lists change. */
  async untilListsRest(lists: AudienceLists): Promise<void> {
    let seen = lists;
    const until = Date.now() + GRACE_MS;
    while (!this.#plan.signal.aborted && Date.now() < until) {
      const now = await readLists(this.#context, this.#planning);
      if (isSameLists(now, seen)) return;
      await sleep(100);
      await this.run(now, { pass: 0, after: null }, true);
      seen = now;
    }
  }

  async finish(): Promise<void> {
    const end = { batches: [], cursor: this.#cursor, counts: this.#counts, lane: this.#plan.lane };
    await savePlannedPage(this.#context.store, this.#planning, { ...end, complete: true }, this.#nextSeq);
    killPoint('producer.afterPlanning');
    const { dispatchId, notificationId } = this.#planning;
    const plan = { lane: this.#plan.lane, counts: this.#counts, batches: this.#nextSeq };
    tracePlanned(this.#context, this.#planning, plan, this.#startedAt);
    this.#context.log.info(
      {
        event: 'dispatch.planned',
        dispatchId,
        notificationId,
        recipients: this.#counts.recipients,
        batches: this.#nextSeq,
        lane: this.#plan.lane,
        ...this.#context.tracing.logFields({ fleet: this.#context.fleet, dispatch: dispatchId }),
      },
      'audience planned',
    );
  }
}

/** Members that stand in no batch of the dispatch yet. */
async function withoutPlanned(
  store: ProducerContext['store'],
  dispatchId: number,
  members: readonly AudienceMember[],
): Promise<AudienceMember[]> {
  if (members.length === 0) return [];
  const ids = members.map(({ tokenId }) => tokenId);
  const { first, last } = idRange(store.backend.tokenId.kind, ids);
  const planned = new Set<string>();
  for (const list of await readRecipientsBetween(store, dispatchId, first, last))
    for (const id of decodeRecipients(list)) planned.add(id);
  return members.filter(({ tokenId }) => !planned.has(tokenId));
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
        take(deviceToken ?? malformedKey(id));
      }
    }
  }
}

function audienceOf(
  context: ProducerContext,
  { notificationId, app }: Planning,
  lists: AudienceLists,
  signal: AbortSignal,
): PagedAudience {
  return {
    store: context.store,
    notificationId: notificationId!,
    lists,
    filter: appFilterOf(context, app),
    signal,
    giveWay: () => context.rightOfWay.giveWay(),
  };
}

/** The stored cursor, as long as the groups are those that it was made for; else the start, once more. */
function parseCursor(text: string | null, lists: AudienceLists): { start: Cursor; isAgain: boolean } {
  const start = { pass: 0, after: null };
  if (text === null || text === '') return { start, isAgain: false };
  const { pass, after, groups } = JSON.parse(text) as Cursor & { groups: string };
  return groups === groupsDigest(lists)
    ? { start: { pass, after }, isAgain: false }
    : { start, isAgain: true };
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
