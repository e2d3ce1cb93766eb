import { quoteName } from '../domain/schema-mapping.ts';
import { idText, idValue } from './backend-schema.ts';
import { columnNames } from './column-names.ts';
import type { SqlValue } from './database.ts';
import { storedDeviceToken, tokenStringColumn } from './device-token-rows.ts';
import type { Store } from './store.ts';

/** The two lists of a notification: which groups, and how many direct members. */
export interface AudienceLists {
  readonly groupIds: readonly string[];
  readonly directMembers: number;
}

/** One device token of an audience, as the backend's row has it. */
export interface AudienceMember {
  readonly tokenId: string;
  readonly deviceToken: string | null;
  readonly active: boolean;
  /** False: the row is of another app, topic or environment. */
  readonly ofApp: boolean;
}

/** What of a token's row must fit, where the columns are mapped. */
export interface AppFilter {
  readonly app: string;
  readonly topic: string;
  readonly environment: string;
}

/** Reads both lists of several notifications. */
export async function readAudienceLists(
  store: Store,
  ids: readonly string[],
): Promise<Map<string, AudienceLists>> {
  if (ids.length === 0) return new Map();
  const { database, backend } = store;
  const { notificationToken: nt, notificationGroup: ng } = backend.mapping;
  const values = [ids.map((id) => idValue(backend.notificationId, id))];
  // Side by side: an urgent push waits for each round trip.
  const [direct, groups] = await Promise.all([
    database.arrays(
      `SELECT ${quoteName(nt.notification)}, COUNT(*) FROM ${quoteName(nt.table)}
        WHERE ${quoteName(nt.notification)} IN (?) GROUP BY ${quoteName(nt.notification)}`,
      values,
    ),
    database.arrays(
      `SELECT ${quoteName(ng.notification)}, ${quoteName(ng.group)} FROM ${quoteName(ng.table)}
        WHERE ${quoteName(ng.notification)} IN (?) ORDER BY ${quoteName(ng.group)}`,
      values,
    ),
  ]);
  const counts = new Map(direct.map(([id, count]) => [idText(id), Number(count)]));
  const groupsOf = new Map<string, string[]>();
  for (const [id, group] of groups) {
    const key = idText(id);
    groupsOf.set(key, [...(groupsOf.get(key) ?? []), idText(group)]);
  }
  return new Map(
    ids.map((id) => [
      id,
      { groupIds: [...new Set(groupsOf.get(id) ?? [])], directMembers: counts.get(id) ?? 0 },
    ]),
  );
}

/**
 * Memberships in groups, added up: the size of an audience before inactive and repeated ones are taken out.
 *
 * @param atMost counts no further: whether a group is large is known long before its size is
 */
export async function countGroupMembers(
  { database, backend }: Store,
  groupIds: readonly string[],
  atMost?: number,
): Promise<number> {
  if (groupIds.length === 0) return 0;
  const { groupToken } = backend.mapping;
  const from = `FROM ${quoteName(groupToken.table)} WHERE ${quoteName(groupToken.group)} IN (?)`;
  const rows = await database.arrays(
    atMost === undefined
      ? `SELECT COUNT(*) ${from}`
      : `SELECT COUNT(*) FROM (SELECT 1 ${from} LIMIT ${atMost}) counted`,
    [groupIds.map((id) => idValue(backend.groupId, id))],
  );
  return Number(rows[0]![0]);
}

/** Part of an audience: direct members, some of the groups, or both. */
export interface AudienceBranches {
  /** Whose direct members; null for none. */
  readonly directOf: string | null;
  readonly groupIds: readonly string[];
}

export interface AudiencePage {
  readonly members: AudienceMember[];
  /** Where the next page begins: the last id that was looked at, active or not. Null: this was the last page. */
  readonly next: string | null;
}

/**
 * One page of an audience in token-id order: the union of the join tables, each branch by its own index
 * from the cursor on. Ids whose row is gone are left out, inactive ones are not.
 */
export async function readAudiencePage(
  store: Store,
  branches: AudienceBranches,
  after: string | null,
  limit: number,
  filter: AppFilter,
): Promise<AudiencePage> {
  const { sql, values } = audiencePageQuery(store, branches, after, limit, filter);
  const rows = await store.database.arrays(sql, values);
  return {
    members: rows.filter((row) => Number(row[1]) === 1).map((row) => toMember(row[0], row, 2)),
    next: rows.length < limit ? null : idText(rows.at(-1)![0]),
  };
}

/** The statement of `readAudiencePage`, for looking at its plan. */
export function audiencePageQuery(
  { backend }: Store,
  branches: AudienceBranches,
  after: string | null,
  limit: number,
  filter: AppFilter,
): { sql: string; values: SqlValue[] } {
  const { mapping } = backend;
  const c = columnNames(mapping);
  const cursor = after === null ? null : idValue(backend.tokenId, after);
  const parts: string[] = [];
  const values: SqlValue[] = [];
  const branch = (
    table: string,
    owner: string,
    ownerValue: SqlValue,
    token: string,
    index: string | null,
  ) => {
    const column = quoteName(token);
    // The index is named: near the end of a large group MariaDB else reads it from its start for every page.
    const by = index === null ? '' : ` FORCE INDEX (${quoteName(index)})`;
    parts.push(
      `(SELECT ${column} AS id FROM ${quoteName(table)}${by} WHERE ${quoteName(owner)} = ?` +
        `${cursor === null ? '' : ` AND ${column} > ?`} ORDER BY ${column} LIMIT ${limit})`,
    );
    values.push(ownerValue, ...(cursor === null ? [] : [cursor]));
  };
  const { notificationToken: nt, groupToken: gt } = mapping;
  if (branches.directOf !== null)
    branch(
      nt.table,
      nt.notification,
      idValue(backend.notificationId, branches.directOf),
      nt.token,
      backend.directMemberIndex,
    );
  for (const groupId of branches.groupIds)
    branch(gt.table, gt.group, idValue(backend.groupId, groupId), gt.token, backend.groupMemberIndex);
  return {
    sql: `SELECT x.id, t.${c.tokenId} IS NOT NULL, ${memberColumns(mapping, filter)}
       FROM (${parts.join(' UNION ')} ORDER BY id LIMIT ${limit}) x
       LEFT JOIN ${c.token} t ON t.${c.tokenId} = x.id ORDER BY x.id`,
    values: [...memberValues(mapping, filter), ...values],
  };
}

type Mapping = Store['backend']['mapping'];

/** Direct members of several notifications, for those that have few. */
export async function readDirectMembers(
  { database, backend }: Store,
  ids: readonly string[],
  filter: AppFilter,
): Promise<Map<string, AudienceMember[]>> {
  if (ids.length === 0) return new Map();
  const { mapping } = backend;
  const c = columnNames(mapping);
  const { notificationToken: nt } = mapping;
  const rows = await database.arrays(
    `SELECT nt.${quoteName(nt.notification)}, t.${c.tokenId}, ${memberColumns(mapping, filter)}
       FROM ${quoteName(nt.table)} nt JOIN ${c.token} t ON t.${c.tokenId} = nt.${quoteName(nt.token)}
      WHERE nt.${quoteName(nt.notification)} IN (?) ORDER BY nt.${quoteName(nt.notification)}, t.${c.tokenId}`,
    [...memberValues(mapping, filter), ids.map((id) => idValue(backend.notificationId, id))],
  );
  const members = new Map<string, AudienceMember[]>(ids.map((id) => [id, []]));
  for (const row of rows) members.get(idText(row[0]))?.push(toMember(row[1], row, 2));
  return members;
}

function memberColumns(mapping: Mapping, filter: AppFilter): string {
  const c = columnNames(mapping);
  const conditions = appConditions(mapping, filter).map(({ sql }) => sql);
  return `${tokenStringColumn(mapping)}, t.${c.active} = ?, ${conditions.length === 0 ? '1' : conditions.join(' AND ')}`;
}

function memberValues(mapping: Mapping, filter: AppFilter): SqlValue[] {
  return [mapping.token.activeValue, ...appConditions(mapping, filter).map(({ value }) => value)];
}

/** A NULL in one of these columns means that the row says nothing: it belongs to every app. */
function appConditions({ token }: Mapping, filter: AppFilter): { sql: string; value: SqlValue }[] {
  return (['environment', 'topic', 'app'] as const).flatMap((column) => {
    const name = token[column];
    return name === null ? [] : [{ sql: `COALESCE(t.${quoteName(name)} = ?, 1)`, value: filter[column] }];
  });
}

/** @param at where the columns of `memberColumns` begin in the row. No copies: this runs once per recipient. */
function toMember(id: unknown, row: readonly unknown[], at: number): AudienceMember {
  return {
    tokenId: idText(id),
    deviceToken: storedDeviceToken(row[at]),
    active: Number(row[at + 1]) === 1,
    ofApp: Number(row[at + 2]) === 1,
  };
}
