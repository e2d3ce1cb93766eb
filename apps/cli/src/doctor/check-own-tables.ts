import type { Database } from '@pushfleet/shared/store/database';
import { readFleet, SchemaVersionError } from '@pushfleet/shared/store/fleet';
import { SCHEMA_VERSION } from '@pushfleet/shared/store/migrations';
import { type StateTables, stateTables } from '@pushfleet/shared/store/state-tables';
import { failureParts } from './failure-parts.ts';
import { type Finding, fault, ok, verify } from './finding.ts';
import { grantStatement, quotedAccount } from './mysql-rights.ts';

const CHECK = 'pushfleet_* tables';

/** The `pushfleet_*` tables as a start finds them. */
export interface OwnTables {
  readonly findings: Finding[];
  readonly fleet: string | null;
  /** Some do not exist; else there may be other faults. */
  readonly isMissing: boolean;
}

/** Where the tables are, and who looks. */
export interface OwnPlace {
  /** PUSHFLEET_STATE_DATABASE; undefined: the backend's database. */
  readonly state: string | undefined;
  /** user@host */
  readonly account: string;
}

/** MySQL's "table doesn't exist", "unknown database", and "denied" for a table or a database. */
const NO_TABLE = 1146;
const NO_DATABASE = 1049;
const DENIED: ReadonlySet<unknown> = new Set([1142, 1044]);

export async function ownTables(database: Database, place: OwnPlace): Promise<OwnTables> {
  const tables = stateTables(place.state);
  const errors = await readErrors(database, tables);
  const missing = [...errors].filter(([, error]) => error.errno === NO_TABLE).map(([name]) => name);
  const denied = [...errors].filter(([, error]) => DENIED.has(error.errno)).map(([name]) => name);
  const other = [...errors.values()].find(({ errno }) => errno !== NO_TABLE && !DENIED.has(errno));
  const isPartly = missing.length > 0 && !missing.includes('pushfleet_fleet');
  const findings: Finding[] = [];
  if (isPartly) findings.push(missingFinding(missing, tables));
  if (denied.length > 0) findings.push(deniedFinding(denied, database.name, place));
  if (other !== undefined) findings.push(otherFinding(other, place.state));
  const version = await fleetAndVersion(database, tables);
  if (version.fault !== null) findings.push(version.fault);
  const { fleet, words } = version;
  if (findings.length === 0 && fleet !== null) findings.push(ok(CHECK, `${words}, fleet ${fleet}`));
  return { fleet, findings, isMissing: missing.length > 0 };
}

type MysqlError = Error & { readonly errno?: number };

/** What MySQL says when each of the tables is asked for nothing; those that answer are left out. */
async function readErrors(database: Database, tables: StateTables): Promise<Map<string, MysqlError>> {
  const errors = new Map<string, MysqlError>();
  for (const [key, table] of Object.entries(tables) as [string, string][])
    await database
      .arrays(`SELECT 1 FROM ${table} LIMIT 0`)
      .catch((error: MysqlError) => errors.set(`pushfleet_${key}`, error));
  return errors;
}

async function fleetAndVersion(
  database: Database,
  tables: StateTables,
): Promise<{ readonly fleet: string | null; readonly words?: string; readonly fault: Finding | null }> {
  try {
    const { fleet, schemaVersion } = await readFleet(database, tables);
    const words =
      schemaVersion === SCHEMA_VERSION
        ? 'of this version'
        : `of version ${schemaVersion}, newer than this program (${SCHEMA_VERSION}), which works with them`;
    return { fleet, words, fault: null };
  } catch (error) {
    // Whatever else MySQL says of that table it has said of it above.
    if (!(error instanceof SchemaVersionError)) return { fleet: null, fault: null };
    const [what, advice] = error.message.split('; run');
    return {
      fleet: null,
      fault: advice!.startsWith(': ')
        ? fault(CHECK, what!, advice!.slice(2))
        : fault(CHECK, what!, null, `run${advice}`),
    };
  }
}

function missingFinding(missing: readonly string[], { fleet }: StateTables): Finding {
  return fault(
    CHECK,
    `${missing.join(', ')} ${missing.length === 1 ? 'does' : 'do'} not exist, although the others are there`,
    `UPDATE ${fleet} SET schema_version = 0;\npushfleet migrate`,
    'stop the producers and restore what is missing from a backup; or make it anew and empty (what is under way may then be sent again)',
  );
}

function deniedFinding(denied: readonly string[], backend: string, { state, account }: OwnPlace): Finding {
  const rights = denied.map((table) => ({ database: state ?? backend, table, right: 'SELECT' }) as const);
  return fault(
    CHECK,
    `${account} may not read ${denied.join(', ')}`,
    rights.map((right) => grantStatement([right], quotedAccount(account))).join('\n'),
    'if they were never made, pushfleet migrate comes first: MySQL grants nothing on tables that do not exist',
  );
}

function otherFinding(error: MysqlError, state: string | undefined): Finding {
  if (error.errno === NO_DATABASE && state !== undefined)
    return fault(
      CHECK,
      `the database ${state} (PUSHFLEET_STATE_DATABASE) does not exist`,
      `CREATE DATABASE \`${state}\` CHARACTER SET utf8mb4;\npushfleet migrate`,
    );
  const [what, note] = failureParts(error);
  return fault(CHECK, what, null, note);
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
    verify(
      'Doctrine',
      `the pushfleet_* tables are beside ${String(rows[0]![0])}: without a schema filter, doctrine:migrations:diff and doctrine:schema:update would drop them`,
      "schema_filter: '~^(?!pushfleet_)~'",
      'look whether config/packages/doctrine.yaml has this under doctrine.dbal, which nobody sees from here; or move them out of its sight (PUSHFLEET_STATE_DATABASE=pushfleet, pushfleet migrate)',
    ),
  ];
}
