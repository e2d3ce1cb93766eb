import { z } from 'zod';
import type { Store } from './store.ts';

/** What stopped an app by itself: a credential that APNs refuses, or one topic of it. */
const breakerSchema = z.object({
  credential: z.string(),
  /** Null: all that this credential sends. */
  topic: z.string().nullable(),
  reason: z.string(),
  /** Milliseconds since 1970. */
  since: z.number(),
});
export type KnownBreaker = z.output<typeof breakerSchema>;

const storedSchema = z.array(breakerSchema);

export interface AppBreakers {
  readonly app: string;
  readonly breakers: readonly KnownBreaker[];
  /** As stored, for `saveBreakers`. */
  readonly stored: string | null;
}

export async function readAppBreakers({
  database,
  tables,
}: Pick<Store, 'database' | 'tables'>): Promise<AppBreakers[]> {
  const rows = await database.rows<{ app: string; breaker: string | null }>(
    `SELECT app, breaker FROM ${tables.app} ORDER BY app`,
  );
  return rows.map(({ app, breaker }) => ({ app, breakers: parseBreakers(breaker), stored: breaker }));
}

/**
 * @param seen what was stored when it was read
 * @returns false when another producer was faster
 */
export async function saveBreakers(
  { database, tables }: Store,
  app: string,
  breakers: readonly KnownBreaker[],
  seen: string | null,
): Promise<boolean> {
  const text = breakers.length === 0 ? null : JSON.stringify(breakers);
  const matched = await database.change(
    `UPDATE ${tables.app} SET breaker = ?, updated_at = UTC_TIMESTAMP(3) WHERE app = ? AND breaker <=> ?`,
    [text, app, seen],
  );
  return matched === 1;
}

/** What the column `breaker` of an app holds; nothing where it cannot be read. */
export function parseBreakers(text: string | null): KnownBreaker[] {
  if (text === null) return [];
  try {
    return storedSchema.parse(JSON.parse(text));
  } catch {
    return [];
  }
}
