import { readFileSync } from 'node:fs';
import type { SchemaMapping } from '@pushfleet/shared/domain/schema-mapping';
import {
  type Config,
  ConfigurationError,
  type Environment,
  loadConfig,
} from '@pushfleet/shared/platform/config';
import { type Database, openDatabase } from '@pushfleet/shared/store/database';
import { readMapping } from '@pushfleet/shared/store/open-store';
import { producerRights } from '@pushfleet/shared/store/producer-rights';
import { doctrineFindings, ownTables } from './check-own-tables.ts';
import { checkSchema } from './check-schema.ts';
import { timeZone } from './check-time-zone.ts';
import { failureParts } from './failure-parts.ts';
import { type Finding, fault, ok, skipped } from './finding.ts';
import { parseGrants, rightsFindings } from './mysql-rights.ts';
import { settingFinding } from './settings-findings.ts';

const SETTINGS = [
  'PUSHFLEET_MYSQL_URL',
  'PUSHFLEET_MYSQL_PASSWORD',
  'PUSHFLEET_MYSQL_CA_FILE',
  'PUSHFLEET_STATE_DATABASE',
  'PUSHFLEET_SCHEMA_FILE',
  'PUSHFLEET_TIMEZONE',
] as const;
type MysqlConfig = Config<(typeof SETTINGS)[number]>;

export interface MysqlFindings {
  readonly findings: Finding[];
  /** Of the tables; null where it could not be read. */
  readonly fleet: string | null;
}

/**
 * MySQL as a producer needs it. All transactions are read-only.
 * @param now milliseconds since 1970
 */
export async function checkMysql(environment: Environment, now: number): Promise<MysqlFindings> {
  let database: Database | undefined;
  try {
    const config = loadConfig(SETTINGS, environment);
    const faults: string[] = [];
    const mapping = readMapping(config.PUSHFLEET_SCHEMA_FILE, faults);
    if (faults.length > 0) throw new ConfigurationError(faults);
    database = await openDatabase({
      target: config.PUSHFLEET_MYSQL_URL,
      password: config.PUSHFLEET_MYSQL_PASSWORD,
      ca: readCa(config.PUSHFLEET_MYSQL_CA_FILE),
      connections: 1,
      readOnly: true,
    });
    return await checkDatabase(database, config, mapping, now);
  } catch (error) {
    if (error instanceof ConfigurationError)
      return { findings: error.faults.map((text) => settingFinding('MySQL', text)), fleet: null };
    return { findings: [fault('MySQL', ...failureParts(error))], fleet: null };
  } finally {
    await database?.close();
  }
}

function readCa(path: string | undefined): string | undefined {
  try {
    return path === undefined ? undefined : readFileSync(path, 'utf8');
  } catch {
    throw new ConfigurationError([
      `PUSHFLEET_MYSQL_CA_FILE: ${path} cannot be read; mend the path or its rights`,
    ]);
  }
}

async function checkDatabase(
  database: Database,
  config: MysqlConfig,
  mapping: SchemaMapping,
  now: number,
): Promise<MysqlFindings> {
  const [server] = await database.rows<{
    version: string;
    account: string;
    zone: string;
    systemZone: string;
  }>(
    'SELECT VERSION() AS version, CURRENT_USER() AS account, @@global.time_zone AS zone, @@system_time_zone AS systemZone',
  );
  const { version, account, zone, systemZone } = server!;
  const own = await ownTables(database, config.PUSHFLEET_STATE_DATABASE);
  const { findings, backend } = await checkSchema(database, mapping, config.PUSHFLEET_TIMEZONE);
  const grants = (await database.arrays('SHOW GRANTS')).map(([line]) => String(line));
  const state = config.PUSHFLEET_STATE_DATABASE ?? database.name;
  return {
    fleet: own.fleet,
    findings: [
      ok('MySQL', `${version} as ${account}`),
      await binlog(database),
      ...own.findings,
      // MySQL grants nothing on tables that do not exist.
      ...(own.isMissing
        ? [skipped('MySQL rights', 'the pushfleet_* tables come first')]
        : rightsFindings(
            parseGrants(grants),
            producerRights(mapping, database.name, state),
            account,
            database.name,
          )),
      ...findings,
      backend === null
        ? skipped('time zone', "the backend's tables come first")
        : await timeZone(database, config, backend, own.fleet !== null, [zone, systemZone], now),
      ...(await doctrineFindings(database, config.PUSHFLEET_STATE_DATABASE)),
    ],
  };
}

/** READ COMMITTED cannot be written as statements (MySQL and MariaDB refuse each change then, error 1665). */
async function binlog(database: Database): Promise<Finding> {
  const rows = await database.arrays(
    "SHOW GLOBAL VARIABLES WHERE Variable_name IN ('log_bin', 'binlog_format')",
  );
  const values = new Map(rows.map(([name, value]) => [String(name).toLowerCase(), String(value)]));
  if (values.get('log_bin') !== 'ON') return ok('binlog', 'there is none');
  const format = values.get('binlog_format') ?? 'ROW';
  return format === 'STATEMENT'
    ? fault(
        'binlog',
        'binlog_format is STATEMENT: the server refuses every change in a READ COMMITTED transaction, which ours are',
        "SET GLOBAL binlog_format = 'MIXED'; (and binlog_format = MIXED in the server's configuration)",
      )
    : ok('binlog', `binlog_format is ${format}`);
}
