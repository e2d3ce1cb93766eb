import type { Database } from './database.ts';
import { readSchemaVersion, SCHEMA_VERSION } from './migrations.ts';
import type { StateTables } from './state-tables.ts';

/** This installation. */
export interface Fleet {
  readonly fleet: string;
}

/** The `pushfleet_*` tables are missing or of another version. `pushfleet migrate` mends it. */
export class SchemaVersionError extends Error {
  readonly code = 'PUSHFLEET_SCHEMA_VERSION';
  constructor(readonly found: number) {
    super(
      found === 0
        ? 'the pushfleet_* tables do not exist; run: pushfleet migrate'
        : found < SCHEMA_VERSION
          ? `the pushfleet_* tables are of version ${found}, this program works with ${SCHEMA_VERSION}; run: pushfleet migrate`
          : `the pushfleet_* tables are of version ${found}, newer than this program (${SCHEMA_VERSION}); run the newer program`,
    );
  }
}

/** @throws SchemaVersionError */
export async function readFleet(database: Database, tables: StateTables): Promise<Fleet> {
  const version = await readSchemaVersion(database, tables);
  if (version !== SCHEMA_VERSION) throw new SchemaVersionError(version);
  const rows = await database.rows<Fleet>(`SELECT fleet FROM ${tables.fleet} WHERE id = 1`);
  return rows[0]!;
}
