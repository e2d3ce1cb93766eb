import type { Database } from '@pushfleet/shared/store/database';
import { readFleet, SchemaVersionError } from '@pushfleet/shared/store/fleet';
import { stateTables } from '@pushfleet/shared/store/state-tables';
import { failureParts } from './failure-parts.ts';
import { type Finding, fault, ok, warning } from './finding.ts';

/** The `pushfleet_*` tables as a start finds them. */
export interface OwnTables {
  readonly findings: Finding[];
  readonly fleet: string | null;
  /** They do not exist; else there may be other faults. */
  readonly isMissing: boolean;
}

export async function ownTables(database: Database, stateDatabase: string | undefined): Promise<OwnTables> {
  const none = { fleet: null, isMissing: false };
  try {
    const { fleet } = await readFleet(database, stateTables(stateDatabase));
    return { ...none, findings: [ok('pushfleet_* tables', `of this version, fleet ${fleet}`)], fleet };
  } catch (error) {
    if (error instanceof SchemaVersionError)
      return { ...none, findings: [ownTablesFault(error.message)], isMissing: error.found === 0 };
    const [what, mend] = failureParts(error);
    return { ...none, findings: [fault('pushfleet_* tables', what, mend)] };
  }
}

function ownTablesFault(message: string): Finding {
  const cut = message.lastIndexOf('; run');
  return fault('pushfleet_* tables', message.slice(0, cut), message.slice(cut + 2).replace(/^run: /, ''));
}

/** Doctrine drops what its entities do not know, unless it is told not to look. */
export async function doctrineFindings(database: Database, state: string | undefined): Promise<Finding[]> {
  const rows = await database.arrays(
    `SELECT table_name FROM information_schema.tables
      WHERE table_schema = ? AND table_name IN ('doctrine_migration_versions', 'migration_versions')`,
    [database.name],
  );
  if (rows.length === 0) return [];
  if (state !== undefined && state !== database.name)
    return [ok('Doctrine', `the pushfleet_* tables are in ${state}, out of its sight`)];
  return [
    warning(
      'Doctrine',
      `the pushfleet_* tables are beside ${String(rows[0]![0])}: without a schema filter, doctrine:migrations:diff and doctrine:schema:update would drop them`,
      "doctrine.dbal.schema_filter: '~^(?!pushfleet_)~' in config/packages/doctrine.yaml (not visible from here), or PUSHFLEET_STATE_DATABASE=pushfleet and pushfleet migrate",
    ),
  ];
}
