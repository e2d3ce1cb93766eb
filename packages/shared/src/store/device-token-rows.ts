import { idText, idValue } from './backend-schema.ts';
import { columnNames } from './column-names.ts';
import type { SqlValue } from './database.ts';
import type { Store } from './store.ts';

type Mapping = Store['backend']['mapping'];

/** Device tokens by the ids of their rows; rows that are gone are left out. */
export async function readTokensById(
  { database, backend }: Store,
  tokenIds: readonly string[],
): Promise<Map<string, { readonly deviceToken: string | null; readonly active: boolean }>> {
  if (tokenIds.length === 0) return new Map();
  const { mapping } = backend;
  const c = columnNames(mapping);
  const rows = await database.arrays(
    `SELECT t.${c.tokenId}, ${tokenStringColumn(mapping)}, t.${c.active} = ? FROM ${c.token} t WHERE t.${c.tokenId} IN (?)`,
    [mapping.token.activeValue, tokenIds.map((id) => idValue(backend.tokenId, id))],
  );
  return new Map(
    rows.map(([id, string, active]) => [
      idText(id),
      { deviceToken: storedDeviceToken(string), active: Number(active) === 1 },
    ]),
  );
}

/**
 * Device tokens of the rows that are active, as stored, by the ids of their rows.
 *
 * @param lists ids in the order of a batch, a list for each batch
 */
export async function readActiveDeviceTokens(
  store: Store,
  lists: readonly (readonly string[])[],
): Promise<Map<string, string | null>> {
  const query = activeDeviceTokensQuery(store, lists);
  if (query === null) return new Map();
  const rows = await store.database.arrays(query.sql, query.values);
  return new Map(rows.map(([id, string]) => [idText(id), storedDeviceToken(string)]));
}

/** The statement of `readActiveDeviceTokens`, for looking at its plan; null where there is nobody. */
export function activeDeviceTokensQuery(
  { backend: { mapping, tokenId } }: Store,
  lists: readonly (readonly string[])[],
): { sql: string; values: SqlValue[] } | null {
  const c = columnNames(mapping);
  const conditions: string[] = [];
  const values: SqlValue[] = [];
  const scattered: SqlValue[] = [];
  for (const ids of lists) {
    const range = tokenId.kind === 'integer' ? denseRange(ids) : null;
    if (range === null) scattered.push(...ids.map((id) => idValue(tokenId, id)));
    else {
      conditions.push(`t.${c.tokenId} BETWEEN ? AND ?`);
      values.push(...range);
    }
  }
  if (scattered.length > 0) {
    conditions.push(`t.${c.tokenId} IN (?)`);
    values.push(scattered);
  }
  if (conditions.length === 0) return null;
  return {
    sql: `SELECT t.${c.tokenId}, ${tokenStringColumn(mapping)} FROM ${c.token} t
           WHERE (${conditions.join(' OR ')}) AND t.${c.active} = ?`,
    values: [...values, mapping.token.activeValue],
  };
}

/** Most rows that are read for each one that is wanted: a look-up costs about three times as much. */
const ROWS_PER_WANTED = 1.5;
const FEWEST_FOR_A_RANGE = 16;

/**
 * First and last of ids that stand so close that reading all between them costs less than looking each up;
 * null where they do not, or are too few. Ids beyond 2^53 are looked up.
 */
export function denseRange(ids: readonly string[]): [number, number] | null {
  if (ids.length < FEWEST_FOR_A_RANGE) return null;
  let first = Number.POSITIVE_INFINITY;
  let last = 0;
  for (const id of ids) {
    const value = Number(id);
    if (!Number.isSafeInteger(value)) return null;
    if (value < first) first = value;
    if (value > last) last = value;
  }
  return last - first < ids.length * ROWS_PER_WANTED ? [first, last] : null;
}

/** Longer strings are cut when read: no device token is that long, and a row may hold a gigabyte. */
const STRING_LIMIT = 1_000;

export function tokenStringColumn(mapping: Mapping): string {
  return `LEFT(t.${columnNames(mapping).tokenString}, ${STRING_LIMIT})`;
}

/** The column as a device token, or null. */
export function storedDeviceToken(value: unknown): string | null {
  if (value === null || value === undefined) return null;
  return Buffer.isBuffer(value) ? value.toString('latin1') : String(value);
}
