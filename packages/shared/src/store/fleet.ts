import type { Database } from './database.ts';
import { readSchemaVersion, SCHEMA_VERSION, type SchemaVersion } from './migrations.ts';
import type { StateTables } from './state-tables.ts';

/** This installation. */
export interface Fleet {
  readonly fleet: string;
  /** Version of its tables: this program's, or a newer one that this program works with too. */
  readonly schemaVersion: number;
}

/** The `pushfleet_*` tables are missing, or of a version that this program cannot work with. */
export class SchemaVersionError extends Error {
  readonly code = 'PUSHFLEET_SCHEMA_VERSION';
  readonly found: number;
  constructor({ version, oldestProgram }: SchemaVersion) {
    super(
      version === 0
        ? 'the pushfleet_* tables do not exist; run: pushfleet migrate'
        : version < SCHEMA_VERSION
          ? `the pushfleet_* tables are of version ${version}, this program works with ${SCHEMA_VERSION}; run: pushfleet migrate`
          : `the pushfleet_* tables are of version ${version}, newer than this program (${SCHEMA_VERSION}), and work with programs from ${oldestProgram} on; run the newer program`,
    );
    this.found = version;
  }
}

/**
 * During an upgrade the tables are newer than the programs that still run: these may start again, as long as
 * the tables say that they work with them.
 *
 * @throws SchemaVersionError
 */
export async function readFleet(database: Database, tables: StateTables): Promise<Fleet> {
  const found = await readSchemaVersion(database, tables);
  if (found.version < SCHEMA_VERSION || found.oldestProgram > SCHEMA_VERSION)
    throw new SchemaVersionError(found);
  const rows = await database.rows<{ fleet: string }>(`SELECT fleet FROM ${tables.fleet} WHERE id = 1`);
  return { fleet: rows[0]!.fleet, schemaVersion: found.version };
}
