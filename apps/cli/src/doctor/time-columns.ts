import { quoteName, type SchemaMapping } from '@pushfleet/shared/domain/schema-mapping';
import { splitName } from '@pushfleet/shared/store/backend-schema';
import type { Database } from '@pushfleet/shared/store/database';
import { type Finding, fault, ok, verify, warning } from './finding.ts';

const CHECK = 'time columns';

interface TimeColumn {
  /** `table.column`, as the mapping has it. */
  readonly name: string;
  readonly isTimestamp: boolean;
  readonly changesWithRow: boolean;
  /** What goes wrong when any change of its row sets it to now; null where nothing does. */
  readonly harm: string | null;
  readonly statement: string;
}

/** The types of all mapped columns that hold a time. Ours hold UTC and need no look. */
export async function timeColumns(
  database: Database,
  mapping: SchemaMapping,
  zone: string,
): Promise<Finding[]> {
  const columns = await readTimeColumns(database, mapping);
  const moving = columns.filter(({ changesWithRow, harm }) => changesWithRow && harm !== null);
  if (moving.length > 0) return moving.map(movingFinding);
  const timestamps = columns.filter(({ isTimestamp }) => isTimestamp).map(({ name }) => name);
  const others = columns.filter(({ isTimestamp }) => !isTimestamp).map(({ name }) => name);
  if (timestamps.length === 0) return [ok(CHECK, `${others.join(', ')}: wall time in ${zone}`)];
  if (zone === 'UTC') return [ok(CHECK, `${timestamps.join(', ')}: TIMESTAMP, read as UTC`)];
  const what = `${timestamps.join(', ')}: TIMESTAMP, which MySQL gives as UTC: PUSHFLEET_TIMEZONE=${zone} does not apply to it`;
  if (others.length === 0) return [warning(CHECK, what, 'PUSHFLEET_TIMEZONE=UTC')];
  return [
    verify(
      CHECK,
      `${what}, but to ${others.join(', ')}`,
      null,
      `right, if the backend writes the others by a clock of ${zone}; each is read by its own type`,
    ),
  ];
}

function movingFinding({ name, harm, statement }: TimeColumn): Finding {
  const what = `each change of its row sets ${name} to now: ${harm}`;
  return harm === DUE_HARM ? fault(CHECK, what, statement) : warning(CHECK, what, statement);
}

const DUE_HARM = 'setting sent does too, and the row is due anew';

async function readTimeColumns(
  database: Database,
  { notification: n, token: t }: SchemaMapping,
): Promise<TimeColumn[]> {
  const mapped: [table: string, column: string | null, harm: string | null][] = [
    [n.table, n.due, DUE_HARM],
    [n.table, n.sentAt, null],
    [n.table, n.expiry, 'the notification expires at once'],
    [t.table, t.registeredAt, 'a device token that APNs calls dead looks registered again, and stays'],
  ];
  const columns: TimeColumn[] = [];
  for (const [table, column, harm] of mapped) {
    if (column === null) continue;
    const [row] = await database.rows<{ type: string; whole: string; extra: string; nullable: string }>(
      `SELECT LOWER(data_type) AS type, UPPER(column_type) AS whole, LOWER(extra) AS extra, is_nullable AS nullable FROM information_schema.columns
        WHERE table_schema = ? AND table_name = ? AND column_name = ?`,
      [...splitName(database.name, table), column],
    );
    if (row === undefined || !/^(datetime|timestamp|date)$/.test(row.type)) continue; // an expiry may be a number
    const digits = /\(\d\)/.exec(row.whole)?.[0] ?? '';
    const rule = row.nullable === 'YES' ? 'NULL DEFAULT NULL' : `NOT NULL DEFAULT CURRENT_TIMESTAMP${digits}`;
    columns.push({
      name: `${table}.${column}`,
      isTimestamp: row.type === 'timestamp',
      changesWithRow: row.extra.includes('on update'),
      harm,
      statement: `ALTER TABLE ${quoteName(table)} MODIFY ${quoteName(column)} ${row.whole} ${rule};`,
    });
  }
  return columns;
}
