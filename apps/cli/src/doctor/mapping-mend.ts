import type { SchemaMapping } from '@pushfleet/shared/domain/schema-mapping';
import type { MissingName } from '@pushfleet/shared/store/backend-schema';

/** Columns of each table of the backend's database, with their types in lower case. */
export type TableColumns = ReadonlyMap<string, readonly { readonly column: string; readonly type: string }[]>;

type Entries = Readonly<Record<string, unknown>>;

const TIMES = new Set(['due', 'sentAt', 'registeredAt']);
/** May be times that are NULL at first. */
const FLAGS = new Set(['sent', 'active', 'expiry']);

/**
 * What the file of PUSHFLEET_SCHEMA_FILE should hold, with the likeliest name of those that are there; null
 * where the mapping does not name what is missing.
 */
export function mappingMend(
  { table, column }: MissingName,
  mapping: SchemaMapping,
  there: TableColumns,
): string | null {
  for (const [part, entries] of Object.entries(mapping) as [string, Entries | string][]) {
    if (typeof entries === 'string' || entries.table !== table) continue;
    if (column === null) return written(part, 'table', likeliestTable(entries, mapping, there) ?? 'NAME');
    const key = Object.keys(entries).find((name) => name !== 'table' && entries[name] === column);
    if (key !== undefined)
      return written(part, key, likeliestColumn(key, column, entries, there.get(table) ?? []) ?? 'NAME');
  }
  return null;
}

function written(part: string, key: string, name: string): string {
  return JSON.stringify({ [part]: { [key]: name } });
}

/** The table that is not mapped yet and has most of the columns, then the most similar name. */
function likeliestTable(entries: Entries, mapping: SchemaMapping, there: TableColumns): string | undefined {
  const mapped = new Set(Object.values(mapping).map((part) => (part as Entries | undefined)?.table));
  const wanted = Object.entries(entries)
    .filter(([key, value]) => isColumn(key, value))
    .map(([, value]) => value);
  const rated = [...there]
    .filter(([name]) => !mapped.has(name))
    .map(([name, columns]) => ({
      name,
      fits: columns.filter(({ column }) => wanted.includes(column)).length,
      distance: distance(name, String(entries.table)),
    }));
  rated.sort((a, b) => b.fits - a.fits || a.distance - b.distance);
  return rated[0] !== undefined && rated[0].fits > 0 ? rated[0].name : undefined;
}

function likeliestColumn(
  key: string,
  missing: string,
  entries: Entries,
  columns: readonly { readonly column: string; readonly type: string }[],
): string | undefined {
  const mapped = Object.entries(entries)
    .filter(([name, value]) => isColumn(name, value))
    .map(([, value]) => value);
  const isTime = (type: string) => /^(datetime|timestamp|date)$/.test(type);
  const fits = columns
    .filter(({ column }) => !mapped.includes(column))
    .filter(({ type }) => {
      if (TIMES.has(key)) return isTime(type);
      return FLAGS.has(key) || !isTime(type);
    });
  fits.sort((a, b) => distance(a.column, missing) - distance(b.column, missing));
  return fits[0]?.column;
}

function isColumn(key: string, value: unknown): value is string {
  return key !== 'table' && !key.endsWith('Value') && typeof value === 'string';
}

/** How many letters two names do not share: what is meant is often the same word with something around it. */
function distance(a: string, b: string): number {
  const left = a.toLowerCase();
  const right = b.toLowerCase();
  if (left.includes(right) || right.includes(left)) return Math.abs(left.length - right.length) / 100;
  const pairs = (text: string) => Array.from({ length: text.length - 1 }, (_, at) => text.slice(at, at + 2));
  const shared = pairs(left).filter((pair) => right.includes(pair)).length;
  return 1 + left.length + right.length - 2 * shared;
}
