import { normalizeDeviceToken } from '@pushfleet/shared/domain/device-token';
import { DeviceTokenSet, EXACT_CAPACITY, RepeatFinder } from '@pushfleet/shared/domain/device-token-set';
import {
  type AppFilter,
  type AudienceBranches,
  type AudienceLists,
  type AudienceMember,
  readAudiencePage,
} from '@pushfleet/shared/store/audience';
import type { Store } from '@pushfleet/shared/store/store';
import { malformedKey } from './audience-plan.ts';

const PAGE_SIZE = 2_500;
/** Groups in one statement; more are scanned one lot after another, with the same set. */
const GROUPS_PER_PASS = 20;
/** Strings that may stand twice, of those that a set for all of them would be too large for. */
const CANDIDATES = 100_000;

/** An audience that is read page by page, in a fixed amount of memory. */
export interface PagedAudience {
  readonly store: Store;
  readonly notificationId: string;
  readonly lists: AudienceLists;
  readonly filter: AppFilter;
  readonly signal: AbortSignal;
  /** Asked before each page. */
  readonly giveWay: () => Promise<void>;
}

export interface Cursor {
  readonly pass: number;
  readonly after: string | null;
}

/**
 * Reads it from `start` to its end, or until the signal; `next` is where it would go on. While a page is visited
 * MySQL reads the next one.
 */
export async function forEachPage(
  { store, notificationId, lists, filter, signal, giveWay }: PagedAudience,
  start: Cursor,
  visit: (members: readonly AudienceMember[], next: Cursor) => Promise<void>,
): Promise<void> {
  const passes = passesOf(notificationId, lists);
  const read = async ({ pass, after }: Cursor): Promise<Page | null> => {
    const branches = passes[pass];
    if (branches === undefined) return null;
    await giveWay();
    if (signal.aborted) return null;
    const { members, next } = await readAudiencePage(store, branches, after, PAGE_SIZE, filter);
    return { members, next: next === null ? { pass: pass + 1, after: null } : { pass, after: next } };
  };
  // What has been read is visited, also behind the signal: whoever is stopped again and again gets on all the same.
  let page = await read(start);
  while (page !== null) {
    const following = read(page.next);
    following.catch(() => {}); // told below, unless the visit fails before
    await visit(page.members, page.next);
    page = await following;
  }
}

interface Page {
  readonly members: readonly AudienceMember[];
  readonly next: Cursor;
}

/** Which device tokens the audience holds already, in a fixed amount of memory. */
export interface TakenDeviceTokens {
  /** @returns false when it is in the audience already */
  readonly take: (deviceToken: string) => boolean;
  /** False: it knows only those that may come twice in one scan. */
  readonly knowsAll: boolean;
}

/** @param memberships counted before the scan: decides how repeats are found */
export async function findRepeats(audience: PagedAudience, memberships: number): Promise<TakenDeviceTokens> {
  if (memberships <= EXACT_CAPACITY) {
    const all = new DeviceTokenSet(memberships);
    return { take: (deviceToken) => all.add(deviceToken), knowsAll: true };
  }
  // Too many for an exact set: a first scan finds the few that may stand there twice, only they are kept.
  const repeated = new DeviceTokenSet(CANDIDATES);
  const finder = new RepeatFinder(memberships);
  await forEachPage(audience, { pass: 0, after: null }, async (members) => {
    for (const { tokenId, deviceToken: stored, active, ofApp } of members) {
      if (!active || !ofApp) continue;
      const key = normalizeDeviceToken(stored) ?? malformedKey(tokenId);
      if (finder.seenBefore(key)) repeated.add(key);
    }
  });
  return { take: (deviceToken) => repeated.take(deviceToken), knowsAll: false };
}

function passesOf(notificationId: string, { groupIds, directMembers }: AudienceLists): AudienceBranches[] {
  const passes: AudienceBranches[] = [];
  for (let at = 0; at < groupIds.length; at += GROUPS_PER_PASS)
    passes.push({ directOf: null, groupIds: groupIds.slice(at, at + GROUPS_PER_PASS) });
  if (directMembers === 0) return passes;
  const [first, ...others] = passes;
  return [{ directOf: notificationId, groupIds: first?.groupIds ?? [] }, ...others];
}
