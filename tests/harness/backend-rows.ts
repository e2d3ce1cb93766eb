import type { TestDatabase } from './test-database.ts';

/** Rows as a backend writes them. */

export interface TokenRow {
  readonly id: number;
  readonly deviceToken: string | null;
  readonly active?: boolean;
}

export async function insertTokens(database: TestDatabase, tokens: readonly TokenRow[]): Promise<void> {
  await insertChunks(
    database,
    'INSERT INTO token (id, token, active) VALUES ?',
    tokens.map(({ id, deviceToken, active }) => [id, deviceToken, active === false ? 0 : 1]),
  );
}

export async function insertGroup(
  database: TestDatabase,
  groupId: number,
  tokenIds: readonly number[],
): Promise<void> {
  await database.query('INSERT INTO token_group (id, name) VALUES (?, ?)', [groupId, `group ${groupId}`]);
  await insertChunks(
    database,
    'INSERT INTO token_group_token (token_group_id, token_id) VALUES ?',
    tokenIds.map((id) => [groupId, id]),
  );
}

export interface NotificationRow {
  readonly id: number;
  readonly message?: string;
  /** DATETIME text; now in UTC without it. */
  readonly due?: string;
  readonly tokenIds?: readonly number[];
  readonly groupIds?: readonly number[];
  /** Options for `pushfleet_request`. */
  readonly options?: unknown;
}

/** Inserts notifications with their audiences in one transaction, as a careful backend does. */
export async function insertNotifications(
  database: TestDatabase,
  rows: readonly NotificationRow[],
): Promise<void> {
  await database.query('START TRANSACTION');
  await insertChunks(
    database,
    'INSERT INTO notification (id, message, sent, notificationdate) VALUES ?',
    rows.map(({ id, message, due }) => [id, message ?? `message ${id}`, 0, due ?? utcNow()]),
  );
  await insertChunks(
    database,
    'INSERT INTO notification_token (notification_id, token_id) VALUES ?',
    rows.flatMap(({ id, tokenIds = [] }) => tokenIds.map((tokenId) => [id, tokenId])),
  );
  await insertChunks(
    database,
    'INSERT INTO notification_token_group (notification_id, token_group_id) VALUES ?',
    rows.flatMap(({ id, groupIds = [] }) => groupIds.map((groupId) => [id, groupId])),
  );
  await insertChunks(
    database,
    'INSERT INTO pushfleet_request (notification_id, options) VALUES ?',
    rows.flatMap(({ id, options }) =>
      options === undefined ? [] : [[id, typeof options === 'string' ? options : JSON.stringify(options)]],
    ),
  );
  await database.query('COMMIT');
}

export function range(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, i) => from + i);
}

export function utcNow(offsetMs = 0): string {
  return new Date(Date.now() + offsetMs).toISOString().slice(0, 19).replace('T', ' ');
}

async function insertChunks(database: TestDatabase, sql: string, rows: readonly unknown[][]): Promise<void> {
  for (let at = 0; at < rows.length; at += 5_000) await database.query(sql, [rows.slice(at, at + 5_000)]);
}
