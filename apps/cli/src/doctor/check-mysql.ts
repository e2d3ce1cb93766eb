import { readFileSync } from 'node:fs';
import type { SchemaMapping } from '@pushfleet/shared/domain/schema-mapping';
import { utcDateTime } from '@pushfleet/shared/domain/wall-time';
import {
  type Config,
  ConfigurationError,
  type Environment,
  loadConfig,
} from '@pushfleet/shared/platform/config';
import type { BackendSchema } from '@pushfleet/shared/store/backend-schema';
import { columnNames, unsentCondition } from '@pushfleet/shared/store/column-names';
import { type Database, openDatabase } from '@pushfleet/shared/store/database';
import { readFleet, SchemaVersionError } from '@pushfleet/shared/store/fleet';
import { readMapping } from '@pushfleet/shared/store/open-store';
import { producerRights } from '@pushfleet/shared/store/producer-rights';
import { stateTables } from '@pushfleet/shared/store/state-tables';
import { describeFailure } from '../failure.ts';
import { checkSchema } from './check-schema.ts';
import { type Finding, fault, ok, skipped, warning } from './finding.ts';
import { parseGrants, rightsFindings } from './mysql-rights.ts';
import { settingFinding } from './settings-findings.ts';
import { zoneFinding } from './time-zone.ts';

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
    const { message } = describeFailure(error);
    const cut = /^(.*?)[;:] ((?:mend|give|make|start) .*)$/s.exec(message);
    return {
      findings: [fault('MySQL', cut?.[1] ?? message.split('\n')[0]!, cut?.[2] ?? 'mend PUSHFLEET_MYSQL_URL')],
      fleet: null,
    };
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
  const own = await ownTables(database, config);
  const { findings, backend } = await checkSchema(database, mapping, config.PUSHFLEET_TIMEZONE);
  const grants = (await database.arrays('SHOW GRANTS')).map(([line]) => String(line));
  const state = config.PUSHFLEET_STATE_DATABASE ?? database.name;
  return {
    fleet: own.fleet,
    findings: [
      ok('MySQL', `${version} as ${account}`),
      await binlog(database),
      ...rightsFindings(
        parseGrants(grants),
        producerRights(mapping, database.name, state),
        account,
        database.name,
      ),
      ...findings,
      backend === null
        ? skipped('time zone', "the backend's tables come first")
        : await timeZone(database, config, backend, own.fleet !== null, [zone, systemZone], now),
      ...own.findings,
      ...(await doctrine(database, config)),
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

async function ownTables(
  database: Database,
  config: MysqlConfig,
): Promise<{ findings: Finding[]; fleet: string | null }> {
  try {
    const { fleet } = await readFleet(database, stateTables(config.PUSHFLEET_STATE_DATABASE));
    return { findings: [ok('pushfleet_* tables', `of this version, fleet ${fleet}`)], fleet };
  } catch (error) {
    if (error instanceof SchemaVersionError)
      return { findings: [ownTablesFault(error.message)], fleet: null };
    const { message } = describeFailure(error);
    return { findings: [fault('pushfleet_* tables', message, 'pushfleet migrate')], fleet: null };
  }
}

function ownTablesFault(message: string): Finding {
  const cut = message.lastIndexOf('; run');
  return fault('pushfleet_* tables', message.slice(0, cut), message.slice(cut + 2).replace(/^run: /, ''));
}

/** Doctrine drops what its entities do not know, unless it is told not to look. */
async function doctrine(database: Database, config: MysqlConfig): Promise<Finding[]> {
  const rows = await database.arrays(
    `SELECT table_name FROM information_schema.tables
      WHERE table_schema = ? AND table_name IN ('doctrine_migration_versions', 'migration_versions')`,
    [database.name],
  );
  if (rows.length === 0) return [];
  const state = config.PUSHFLEET_STATE_DATABASE;
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

async function timeZone(
  database: Database,
  config: MysqlConfig,
  { mapping, dueIsTimestamp }: BackendSchema,
  hasOwnTables: boolean,
  zones: readonly string[],
  now: number,
): Promise<Finding> {
  if (dueIsTimestamp) return ok('time zone', 'does not matter to a TIMESTAMP');
  const { notification, notificationId, sent, due } = columnNames(mapping);
  const dues = async (condition: string, values: Parameters<Database['arrays']>[1], order: string) =>
    (
      await database.arrays(
        `SELECT n.${due} FROM ${notification} n WHERE ${condition} ORDER BY ${order} DESC LIMIT 3`,
        values,
      )
    ).map(([wall]) => String(wall));
  const unsent = unsentCondition(mapping, 'n');
  const late = hasOwnTables
    ? await database.arrays(
        `SELECT TIMESTAMPDIFF(SECOND, due_at, claimed_at) FROM ${stateTables(config.PUSHFLEET_STATE_DATABASE).dispatch}
          WHERE notification_id IS NOT NULL AND round = 1 ORDER BY id DESC LIMIT 5`,
      )
    : [];
  return zoneFinding(
    {
      // No zone is further than 14 hours from UTC, nor two of them than 26.
      sentDues: await dues(
        `n.${sent} = ? AND n.${due} < ?`,
        [mapping.notification.sentValue, utcDateTime(now + 27 * 3_600_000)],
        `n.${due}`,
      ),
      newestDues: await dues(unsent.sql, unsent.values, `n.${notificationId}`),
      lateSeconds: late.map(([seconds]) => Number(seconds)),
      zones: [...zones, Intl.DateTimeFormat().resolvedOptions().timeZone],
    },
    config.PUSHFLEET_TIMEZONE,
    now,
  );
}
