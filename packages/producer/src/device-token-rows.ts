import { type ColumnTypes, timeValue } from './backend-tables.ts';
import type { Sql, SqlValue } from './connection.ts';
import { normalizeDeviceToken, spellings } from './device-token.ts';
import { quote, type Schema } from './schema.ts';

/** Device tokens in one look-up: each stands there in its spellings. */
const CHUNK = 100;

export interface FoundDeviceTokens {
  /** Ids of active rows, one for each device token. */
  readonly ids: SqlValue[];
  /** Device tokens that are switched off. */
  readonly inactive: string[];
  /** Device tokens that are in no row. */
  readonly unknown: string[];
}

/**
 * Looks device tokens up by their string; of several rows with the same one an active row is taken.
 *
 * @param lock reads what others have committed since this transaction began, too
 */
export async function findDeviceTokens(
  sql: Sql,
  schema: Schema,
  deviceTokens: readonly string[],
  lock = false,
): Promise<FoundDeviceTokens> {
  const found: FoundDeviceTokens = { ids: [], inactive: [], unknown: [] };
  for (let at = 0; at < deviceTokens.length; at += CHUNK) {
    const chunk = deviceTokens.slice(at, at + CHUNK);
    const rows = await readRows(sql, schema, chunk, lock);
    for (const deviceToken of chunk) {
      const row = rows.get(deviceToken);
      if (row === undefined) found.unknown.push(deviceToken);
      else if (row.active) found.ids.push(row.id);
      else found.inactive.push(deviceToken);
    }
  }
  return found;
}

async function readRows(
  sql: Sql,
  { token: t }: Schema,
  deviceTokens: readonly string[],
  lock: boolean,
): Promise<Map<string, { id: SqlValue; active: boolean }>> {
  const values = deviceTokens.flatMap(spellings);
  const stored = await sql.rows(
    `SELECT ${quote(t.id)} AS id, ${quote(t.token)} AS device_token, ${quote(t.active)} = ? AS active
       FROM ${quote(t.table)} WHERE ${quote(t.token)} IN (${values.map(() => '?').join(', ')})
      ORDER BY ${quote(t.id)}${lock ? ' LOCK IN SHARE MODE' : ''}`,
    [t.activeValue, ...values],
  );
  const rows = new Map<string, { id: SqlValue; active: boolean }>();
  for (const { id, device_token: text, active } of stored) {
    const deviceToken = normalizeDeviceToken(String(text));
    if (deviceToken === null || rows.get(deviceToken)?.active === true) continue;
    const isActive = Number(active) === 1;
    if (isActive || !rows.has(deviceToken)) rows.set(deviceToken, { id: idValue(id), active: isActive });
  }
  return rows;
}

/** Stores device tokens as active ones. What somebody else stores at the same time is left as it is. */
export async function registerDeviceTokens(
  sql: Sql,
  { token: t }: Schema,
  deviceTokens: readonly string[],
  of: { readonly app?: string; readonly topic?: string; readonly types: ColumnTypes; readonly zone: string },
): Promise<void> {
  const now = timeValue(Date.now(), of.types.registeredAt, of.zone);
  const cells: [column: string, sql: string, value: SqlValue][] = [[t.active, '?', t.activeValue]];
  if (t.registeredAt !== null) cells.push([t.registeredAt, now.sql, now.value]);
  if (t.app !== null && of.app !== undefined) cells.push([t.app, '?', of.app]);
  if (t.topic !== null && of.topic !== undefined) cells.push([t.topic, '?', of.topic]);
  const row = `(?, ${cells.map(([, placeholder]) => placeholder).join(', ')})`;
  for (let at = 0; at < deviceTokens.length; at += CHUNK) {
    const chunk = deviceTokens.slice(at, at + CHUNK);
    await sql.run(
      `INSERT INTO ${quote(t.table)} (${quote(t.token)}, ${cells.map(([column]) => quote(column)).join(', ')})
       VALUES ${chunk.map(() => row).join(', ')}
       ON DUPLICATE KEY UPDATE ${quote(t.token)} = ${quote(t.token)}`,
      chunk.flatMap((deviceToken) => [deviceToken, ...cells.map(([, , value]) => value)]),
    );
  }
}

/** Integers above 2^53 come as text or bigint, UUIDs of BINARY(16) as bytes: they go back as they came. */
function idValue(id: unknown): SqlValue {
  return typeof id === 'bigint' ? id.toString() : (id as SqlValue);
}
