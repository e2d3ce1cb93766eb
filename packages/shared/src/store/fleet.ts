import type { Database } from './database.ts';
import { readSchemaVersion, SCHEMA_VERSION } from './migrations.ts';
import type { StateTables } from './state-tables.ts';

/** This installation, and how often its Redis was found empty. */
export interface Fleet {
  readonly fleet: string;
  readonly epoch: number;
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
  const rows = await database.rows<Fleet>(
    `SELECT fleet, redis_epoch AS epoch FROM ${tables.fleet} WHERE id = 1`,
  );
  return rows[0]!;
}

/** Raises the epoch once, however many producers saw the same empty Redis. */
export async function raiseEpoch(database: Database, tables: StateTables, seen: number): Promise<void> {
  await database.change(
    `UPDATE ${tables.fleet} SET redis_epoch = redis_epoch + 1, updated_at = UTC_TIMESTAMP(3) WHERE id = 1 AND redis_epoch = ?`,
    [seen],
  );
}
