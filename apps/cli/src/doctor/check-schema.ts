import type { SchemaMapping } from '@pushfleet/shared/domain/schema-mapping';
import {
  type BackendSchema,
  BackendSchemaError,
  dueIndexStatement,
  type MissingName,
  missingSentence,
  readBackendSchema,
  splitName,
} from '@pushfleet/shared/store/backend-schema';
import type { Database } from '@pushfleet/shared/store/database';
import { missingTokenIndex } from '@pushfleet/shared/store/token-index';
import { type Finding, fault, ok, verify, warning } from './finding.ts';
import { mappingMend, type TableColumns } from './mapping-mend.ts';
import { timeColumns } from './time-columns.ts';

/** The backend's tables, columns and indexes, by the rules of every start. */
export async function checkSchema(
  database: Database,
  mapping: SchemaMapping,
  zone: string,
): Promise<{ readonly findings: Finding[]; readonly backend: BackendSchema | null }> {
  let backend: BackendSchema;
  try {
    backend = await readBackendSchema(database, mapping);
  } catch (error) {
    if (!(error instanceof BackendSchemaError)) throw error;
    return { findings: await schemaFaults(database, mapping, error), backend: null };
  }
  return {
    backend,
    findings: [
      ok("backend's tables", 'tables and columns are there'),
      await dueIndex(database, mapping, backend),
      await tokenIndex(database, mapping),
      ...(await timeColumns(database, mapping, zone)),
    ],
  };
}

async function schemaFaults(
  database: Database,
  mapping: SchemaMapping,
  { missing, message }: BackendSchemaError,
): Promise<Finding[]> {
  if (missing.length === 0)
    return [
      fault(
        "backend's tables",
        message,
        null,
        'map a view that makes of it what is said, with PUSHFLEET_SCHEMA_FILE',
      ),
    ];
  const there = await readTables(database);
  return missing.map((name: MissingName) =>
    fault(
      "backend's tables",
      missingSentence(name),
      mappingMend(name, mapping, there),
      'in the JSON file of PUSHFLEET_SCHEMA_FILE, merged into what it has; a guess by what is there, so look at it',
    ),
  );
}

async function readTables(database: Database): Promise<TableColumns> {
  const rows = await database.rows<{ table: string; column: string; type: string }>(
    `SELECT table_name AS \`table\`, column_name AS \`column\`, LOWER(data_type) AS type
       FROM information_schema.columns WHERE table_schema = ? AND table_name NOT LIKE 'pushfleet\\_%'
      ORDER BY table_name, ordinal_position`,
    [database.name],
  );
  const tables = new Map<string, { column: string; type: string }[]>();
  for (const { table, ...column } of rows) tables.set(table, [...(tables.get(table) ?? []), column]);
  return tables;
}

async function dueIndex(
  database: Database,
  mapping: SchemaMapping,
  { dueQueryHasIndex }: BackendSchema,
): Promise<Finding> {
  if (dueQueryHasIndex) return ok('due index', 'finding due rows has an index');
  const { table, sent, due } = mapping.notification;
  if (await isView(database, table)) return viewIndex('due index', table, `${sent} and ${due}`);
  return fault('due index', 'finding due rows reads the whole table', dueIndexStatement(mapping));
}

/** The indexes of a view are those of the tables behind it, which nobody here knows. */
function viewIndex(check: string, view: string, columns: string): Finding {
  return verify(
    check,
    `${view} is a view: whether the table behind it has an index cannot be seen`,
    null,
    `look whether there is one on what is ${columns} there`,
  );
}

async function isView(database: Database, table: string): Promise<boolean> {
  const rows = await database.arrays(
    "SELECT 1 FROM information_schema.tables WHERE table_schema = ? AND table_name = ? AND table_type = 'VIEW'",
    [...splitName(database.name, table)],
  );
  return rows.length > 0;
}

async function tokenIndex(database: Database, mapping: SchemaMapping): Promise<Finding> {
  const { table, token } = mapping.token;
  if (await isView(database, table)) return viewIndex('device token index', table, token);
  const statement = await missingTokenIndex(database, mapping);
  return statement === null
    ? ok('device token index', 'finding a device token has an index')
    : warning(
        'device token index',
        'pushfleet device and the library read all device tokens to find one',
        statement,
      );
}
