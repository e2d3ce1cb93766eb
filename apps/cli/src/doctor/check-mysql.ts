import { readFileSync } from 'node:fs';
import { bracketed } from '@pushfleet/app-worker/apns/tls-transport';
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
import { serverSettings } from './mysql-settings.ts';
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
    const [what, note] = failureParts(error);
    return { findings: [fault('MySQL', what, null, note)], fleet: null };
  } finally {
    await database?.close();
  }
}

function readCa(path: string | undefined): string | undefined {
  try {
    return path === undefined ? undefined : readFileSync(path, 'utf8');
  } catch {
    throw new ConfigurationError([
      `PUSHFLEET_MYSQL_CA_FILE: ${path} cannot be read; mend the path, or let this user read the file`,
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
  const state = config.PUSHFLEET_STATE_DATABASE;
  const own = await orFault('pushfleet_* tables', () => ownTables(database, { state, account }));
  const fleet = own.result?.fleet ?? null;
  const schema = await orFault("backend's tables", () =>
    checkSchema(database, mapping, config.PUSHFLEET_TIMEZONE),
  );
  const backend = schema.result?.backend ?? null;
  const parts = [
    own,
    await orFault('binlog', async () => ({ findings: await serverSettings(database) })),
    await orFault('MySQL rights', async () => ({
      // MySQL grants nothing on tables that do not exist.
      findings:
        own.result?.isMissing === true
          ? [skipped('MySQL rights', 'the pushfleet_* tables come first')]
          : rightsFindings(
              parseGrants((await database.arrays('SHOW GRANTS')).map(([line]) => String(line))),
              producerRights(mapping, database.name, state ?? database.name),
              account,
              database.name,
              serverAddress(config),
            ),
    })),
    schema,
    await orFault('time zone', async () => ({
      findings: [
        backend === null
          ? skipped('time zone', "the backend's tables come first")
          : await timeZone(database, config, backend, fleet !== null, [zone, systemZone], now),
      ],
    })),
    await orFault('Doctrine', async () => ({ findings: await doctrineFindings(database, state) })),
  ];
  return { fleet, findings: [ok('MySQL', `${version} as ${account}`), ...parts.flatMap(findingsOf)] };
}

interface Part<Result> {
  /** Null where the check broke off: then `failed` says by what. */
  readonly result: Result | null;
  readonly failed: Finding | null;
}

/** A query that fails ends its own check only: the others still report. */
async function orFault<Result>(check: string, look: () => Promise<Result>): Promise<Part<Result>> {
  try {
    return { result: await look(), failed: null };
  } catch (error) {
    const [what, note] = failureParts(error);
    return { result: null, failed: fault(check, what, null, note) };
  }
}

function findingsOf({ result, failed }: Part<{ readonly findings: readonly Finding[] }>): readonly Finding[] {
  return failed === null ? result!.findings : [failed];
}

function serverAddress({ PUSHFLEET_MYSQL_URL: { host, port } }: MysqlConfig): string {
  return `${bracketed(host)}:${port}`;
}
