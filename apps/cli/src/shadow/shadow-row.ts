import { findRepeats, forEachPage, type PagedAudience } from '@pushfleet/app-producer/audience-pages';
import { NO_COUNTS, sortMembers } from '@pushfleet/app-producer/audience-plan';
import { normalizeDeviceToken } from '@pushfleet/shared/domain/device-token';
import { defaultLifetimeMs } from '@pushfleet/shared/domain/due-window';
import { type RowRules, requestOfRow } from '@pushfleet/shared/domain/row-request';
import { countGroupMembers, readAudienceLists } from '@pushfleet/shared/store/audience';
import { explainRequest, type RequestExplanation } from '@pushfleet/shared/store/explain';
import type { NotificationRow } from '@pushfleet/shared/store/notification-rows';
import type { Store } from '@pushfleet/shared/store/store';
import { AudienceDigest } from './audience-digest.ts';

/** What `pushfleet shadow --json` prints of one row. */
export interface ShadowRow {
  readonly notificationId: string;
  /** The row is marked sent: by the old loop. */
  readonly sent: boolean;
  readonly dueAt: string;
  readonly app: string | null;
  /** Why nothing would be sent. */
  readonly error: string | null;
  readonly request: RequestExplanation | null;
  readonly audience: {
    readonly direct: number;
    readonly groups: number;
    readonly inactive: number;
    readonly duplicates: number;
    readonly malformed: number;
    readonly otherApp: number;
    readonly recipients: number;
  } | null;
  /** Whom it would be sent to: well-formed device tokens, each once. */
  readonly deviceTokens: { readonly count: number; readonly digest: string } | null;
}

export interface ShadowRules {
  readonly rows: RowRules;
  readonly maxAge: number | 'today';
}

/**
 * What a producer would make of a row now.
 *
 * @param dueAt milliseconds since 1970
 * @param onDeviceTokens gets the device tokens page by page, in the order of their rows
 */
export async function shadowRow(
  store: Store,
  row: NotificationRow,
  dueAt: number,
  { rows: rules, maxAge }: ShadowRules,
  onDeviceTokens: (deviceTokens: readonly string[]) => Promise<void>,
): Promise<ShadowRow> {
  const known = { notificationId: row.id, sent: !row.unsent, dueAt: new Date(dueAt).toISOString() };
  const built = requestOfRow(row, rules);
  if (!built.ok)
    return {
      ...known,
      app: built.app?.name ?? null,
      error: built.error,
      request: null,
      audience: null,
      deviceTokens: null,
    };
  const { request, app } = built;
  const lists = (await readAudienceLists(store, [row.id])).get(row.id)!;
  const audience: PagedAudience = {
    store,
    notificationId: row.id,
    lists,
    filter: { app: request.app, topic: app?.topic ?? '', environment: app?.environment ?? '' },
    signal: new AbortController().signal,
    giveWay: async () => {},
  };
  const memberships = lists.directMembers + (await countGroupMembers(store, lists.groupIds));
  const { take } = await findRepeats(audience, memberships);
  const digest = new AudienceDigest();
  let counts = { ...NO_COUNTS, directMembers: lists.directMembers, tokenGroups: lists.groupIds.length };
  await forEachPage(audience, { pass: 0, after: null }, async (members) => {
    const sorted = sortMembers(members, take, counts);
    counts = sorted.counts;
    const stored = new Map(members.map(({ tokenId, deviceToken }) => [tokenId, deviceToken]));
    const deviceTokens = sorted.recipients
      .filter(({ malformed }) => !malformed)
      .map(({ tokenId }) => normalizeDeviceToken(stored.get(tokenId)!)!);
    for (const deviceToken of deviceTokens) digest.add(deviceToken);
    await onDeviceTokens(deviceTokens);
  });
  const { directMembers: direct, tokenGroups: groups, ...others } = counts;
  // The dispatch has its number only when the row is claimed.
  const explained = explainRequest(request, dueAt + defaultLifetimeMs(maxAge), 'pf-<fleet>-<dispatch>');
  return {
    ...known,
    app: request.app,
    error: null,
    request: request.topic === '' ? withoutTopic(explained) : explained,
    audience: { direct, groups, ...others },
    deviceTokens: { count: digest.count, digest: digest.digest },
  };
}

function withoutTopic({ headers, ...request }: RequestExplanation): RequestExplanation {
  const { 'apns-topic': _, ...others } = headers;
  return { headers: others, ...request };
}
