import { randomBytes } from 'node:crypto';
import type { BackendSchema } from './backend-schema.ts';
import type { Database } from './database.ts';
import type { StateTables } from './state-tables.ts';

/**
 * Makes and upgrades the `pushfleet_*` tables; nothing else ever does. A version is a list of statements
 * that may run again after they broke off half way: MySQL commits each by itself. What is there already
 * (errors `THERE_ALREADY`) is no fault then.
 *
 * A version expands first: columns that may be NULL or have a default, tables, keys, so that the programs of
 * the version before work on. What they no longer need goes in a later version, which then says so.
 */
interface Version {
  readonly name: string;
  /** The version of the oldest program that works with the tables as they are after it. */
  readonly oldestProgram: number;
  statements(tables: StateTables, backend: BackendSchema): readonly string[];
}

const OPTIONS = 'ENGINE = InnoDB ROW_FORMAT = DYNAMIC DEFAULT CHARACTER SET utf8mb4';
const ASCII = 'CHARACTER SET ascii COLLATE ascii_bin';

const VERSIONS: readonly Version[] = [
  {
    name: '0001-tables',
    oldestProgram: 1,
    statements: (t, backend) => [
      `CREATE TABLE IF NOT EXISTS ${t.app} (
        app VARCHAR(63) ${ASCII} NOT NULL PRIMARY KEY,
        topic VARCHAR(255) NOT NULL,
        environment VARCHAR(10) ${ASCII} NOT NULL,
        rate_per_second INT UNSIGNED NULL COMMENT 'operator: pushes per second, 0 is off; NULL is the default of the settings',
        paused_by VARCHAR(190) NULL,
        paused_at DATETIME(3) NULL,
        redis_epoch INT UNSIGNED NOT NULL DEFAULT 1 COMMENT 'raised whenever its part of Redis was found empty',
        breaker MEDIUMTEXT NULL COMMENT 'JSON: what stopped the app by itself, per credential',
        updated_at DATETIME(3) NOT NULL
      ) ${OPTIONS}`,
      `CREATE TABLE IF NOT EXISTS ${t.command} (
        id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
        verb VARCHAR(32) ${ASCII} NOT NULL,
        arguments MEDIUMTEXT NOT NULL COMMENT 'JSON',
        requested_by VARCHAR(190) NOT NULL,
        requested_at DATETIME(3) NOT NULL,
        executed_at DATETIME(3) NULL,
        succeeded TINYINT(1) NULL,
        result MEDIUMTEXT NULL COMMENT 'JSON, or a sentence',
        KEY pending (executed_at, id)
      ) ${OPTIONS}`,
      `CREATE TABLE IF NOT EXISTS ${t.request} (
        notification_id ${backend.notificationId.ownType} NOT NULL PRIMARY KEY,
        options MEDIUMTEXT NOT NULL COMMENT 'JSON: what the notification has no column for',
        request_key VARCHAR(190) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin GENERATED ALWAYS AS
          (CASE WHEN JSON_VALID(options) THEN
             CASE JSON_TYPE(JSON_EXTRACT(options, '$.key')) WHEN 'STRING' THEN JSON_UNQUOTE(JSON_EXTRACT(options, '$.key')) END
           END) VIRTUAL,
        UNIQUE KEY request_key (request_key)
      ) ${OPTIONS}`,
      `CREATE TABLE IF NOT EXISTS ${t.dispatch} (
        id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
        notification_id ${backend.notificationId.ownType} NULL COMMENT 'NULL: a push of an operator',
        round SMALLINT UNSIGNED NOT NULL DEFAULT 1,
        app VARCHAR(63) ${ASCII} NOT NULL,
        lane VARCHAR(6) ${ASCII} NULL,
        state VARCHAR(10) ${ASCII} NOT NULL COMMENT 'planning, sending, held, done, expired, cancelled, invalid',
        owner VARCHAR(64) ${ASCII} NULL COMMENT 'producer that plans it',
        fence INT UNSIGNED NOT NULL DEFAULT 1,
        lease_until DATETIME(3) NULL,
        nonce CHAR(8) ${ASCII} NOT NULL COMMENT 'of the planning lease',
        plan_cursor VARCHAR(1000) NULL COMMENT 'JSON: where planning stands',
        batches INT UNSIGNED NOT NULL DEFAULT 0,
        recipients INT UNSIGNED NOT NULL DEFAULT 0,
        direct_members INT UNSIGNED NOT NULL DEFAULT 0,
        token_groups INT UNSIGNED NOT NULL DEFAULT 0,
        inactive INT UNSIGNED NOT NULL DEFAULT 0,
        duplicates INT UNSIGNED NOT NULL DEFAULT 0,
        malformed INT UNSIGNED NOT NULL DEFAULT 0,
        other_app INT UNSIGNED NOT NULL DEFAULT 0,
        request MEDIUMTEXT NULL COMMENT 'frozen request; text, byte for byte',
        due_wall DATETIME(6) NULL COMMENT 'due time as the row has it',
        due_at DATETIME(3) NOT NULL,
        deadline DATETIME(3) NOT NULL,
        claimed_at DATETIME(3) NOT NULL,
        planned_at DATETIME(3) NULL,
        finished_at DATETIME(3) NULL,
        sent_set_at DATETIME(3) NULL COMMENT 'when we set sent',
        held_at DATETIME(3) NULL COMMENT 'when the brake held it',
        hold_reason VARCHAR(1000) NULL,
        released_at DATETIME(3) NULL COMMENT 'an operator let it go on: it is not held again',
        released_by VARCHAR(190) NULL,
        row_digest CHAR(16) ${ASCII} NULL COMMENT 'of an invalid row and the settings: looked at again when it changes',
        error VARCHAR(1000) NULL,
        UNIQUE KEY notification_round (notification_id, round),
        KEY by_state (state, deadline),
        KEY by_owner (owner, state, due_at),
        KEY by_due (due_at)
      ) ${OPTIONS}`,
      `CREATE TABLE IF NOT EXISTS ${t.batch} (
        dispatch_id BIGINT NOT NULL,
        seq INT UNSIGNED NOT NULL,
        app VARCHAR(63) ${ASCII} NOT NULL,
        lane VARCHAR(6) ${ASCII} NOT NULL,
        state VARCHAR(8) ${ASCII} NOT NULL COMMENT 'planned, queued, parked, settled',
        size SMALLINT UNSIGNED NOT NULL,
        nonce CHAR(8) ${ASCII} NOT NULL,
        recipients MEDIUMBLOB NOT NULL COMMENT 'token ids, delta-encoded',
        first_id VARBINARY(36) NOT NULL,
        last_id VARBINARY(36) NOT NULL,
        twins MEDIUMBLOB NULL COMMENT 'token ids left out because their string is in the audience already',
        outcomes BLOB NULL COMMENT 'a byte per recipient: 0 waiting 1 failed 2 cancelled 3 expired 4 rejected 5 retired 6 accepted; NULL: all wait',
        trials MEDIUMTEXT NULL COMMENT 'JSON: attempts of recipients that wait',
        generation INT UNSIGNED NOT NULL DEFAULT 0,
        revision INT UNSIGNED NOT NULL DEFAULT 0,
        not_before DATETIME(3) NULL,
        queued_at DATETIME(3) NULL,
        settled_at DATETIME(3) NULL,
        accepted SMALLINT UNSIGNED NOT NULL DEFAULT 0,
        rejected SMALLINT UNSIGNED NOT NULL DEFAULT 0,
        retired SMALLINT UNSIGNED NOT NULL DEFAULT 0,
        expired SMALLINT UNSIGNED NOT NULL DEFAULT 0,
        cancelled SMALLINT UNSIGNED NOT NULL DEFAULT 0,
        failed SMALLINT UNSIGNED NOT NULL DEFAULT 0,
        resent INT UNSIGNED NOT NULL DEFAULT 0,
        first_accepted_at DATETIME(3) NULL,
        last_accepted_at DATETIME(3) NULL,
        PRIMARY KEY (dispatch_id, seq),
        KEY by_lane (app, lane, state, dispatch_id, seq, size),
        KEY by_dispatch (dispatch_id, state),
        KEY by_queued (state, queued_at),
        KEY by_not_before (state, not_before),
        KEY by_range (first_id, last_id)
      ) ${OPTIONS}`,
      `CREATE TABLE IF NOT EXISTS ${t.outcome} (
        dispatch_id BIGINT NOT NULL,
        token_id VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
        seq INT UNSIGNED NOT NULL,
        outcome VARCHAR(8) ${ASCII} NOT NULL COMMENT 'rejected, retired, failed',
        status SMALLINT UNSIGNED NOT NULL COMMENT 'of APNs; 0 where APNs was not asked',
        reason VARCHAR(64) NOT NULL,
        apns_timestamp DATETIME(3) NULL,
        attempts SMALLINT UNSIGNED NOT NULL,
        apns_id CHAR(36) ${ASCII} NOT NULL,
        at DATETIME(3) NOT NULL,
        PRIMARY KEY (dispatch_id, token_id),
        KEY by_token (token_id, dispatch_id),
        KEY by_reason (dispatch_id, reason)
      ) ${OPTIONS}`,
      `CREATE TABLE IF NOT EXISTS ${t.retirement} (
        id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
        dispatch_id BIGINT NOT NULL,
        token_id VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
        device_token CHAR(16) ${ASCII} NOT NULL COMMENT 'digest of the device token that APNs spoke of',
        app VARCHAR(63) ${ASCII} NOT NULL,
        reason VARCHAR(64) NOT NULL,
        apns_timestamp DATETIME(3) NULL,
        state VARCHAR(8) ${ASCII} NOT NULL COMMENT 'pending, applied, kept, restored',
        note VARCHAR(190) NULL,
        created_at DATETIME(3) NOT NULL,
        applied_at DATETIME(3) NULL,
        restored_at DATETIME(3) NULL,
        UNIQUE KEY once (dispatch_id, token_id),
        KEY by_state (state, id),
        KEY by_token (token_id)
      ) ${OPTIONS}`,
    ],
  },
  {
    name: '0002-oldest-program',
    oldestProgram: 1,
    statements: (t) => [
      `ALTER TABLE ${t.fleet} ADD COLUMN oldest_program INT UNSIGNED NOT NULL DEFAULT 1
        COMMENT 'schema version of the oldest program that works with these tables'`,
    ],
  },
];

/** The schema version that this program makes. It works with newer ones, too, as far as these say so. */
export const SCHEMA_VERSION = VERSIONS.length;
/** A column or key of that name is there, or is gone. */
const THERE_ALREADY: readonly unknown[] = [1060, 1061, 1091];

/**
 * Brings the tables to this program's version; newer ones stay as they are.
 * @returns the names of the versions that were applied now
 */
export async function migrate(
  database: Database,
  tables: StateTables,
  backend: BackendSchema,
): Promise<string[]> {
  await database.change(`CREATE TABLE IF NOT EXISTS ${tables.fleet} (
    id TINYINT NOT NULL PRIMARY KEY,
    fleet CHAR(8) ${ASCII} NOT NULL COMMENT 'name of this installation',
    schema_version INT UNSIGNED NOT NULL DEFAULT 0,
    updated_at DATETIME(3) NOT NULL
  ) ${OPTIONS}`);
  await database.change(
    `INSERT INTO ${tables.fleet} (id, fleet, updated_at) VALUES (1, ?, UTC_TIMESTAMP(3)) ON DUPLICATE KEY UPDATE id = id`,
    [randomBytes(4).toString('hex')],
  );
  const setVersion = (version: number) =>
    database.change(
      `UPDATE ${tables.fleet} SET schema_version = ?, ${version > 1 ? 'oldest_program = ?,' : ''} updated_at = UTC_TIMESTAMP(3)`,
      version > 1 ? [version, VERSIONS[version - 1]!.oldestProgram] : [version],
    );
  // Every tool reads the version; only this one needs what takes the longest of all to load.
  const { Umzug } = await import('umzug');
  const umzug = new Umzug({
    migrations: VERSIONS.map(({ name, statements }) => ({
      name,
      async up() {
        for (const statement of statements(tables, backend)) await changeOnce(database, statement);
      },
    })),
    storage: {
      async executed() {
        const { version } = await readSchemaVersion(database, tables);
        return VERSIONS.slice(0, version).map(({ name }) => name);
      },
      async logMigration({ name }) {
        await setVersion(VERSIONS.findIndex((version) => version.name === name) + 1);
      },
      async unlogMigration() {
        throw new Error('tables are never taken back; restore a backup');
      },
    },
    logger: undefined,
  });
  return (await umzug.up()).map(({ name }) => name);
}

async function changeOnce(database: Database, statement: string): Promise<void> {
  try {
    await database.change(statement);
  } catch (error) {
    if (!THERE_ALREADY.includes((error as { errno?: number }).errno)) throw error;
  }
}

export interface SchemaVersion {
  /** 0 where the tables are not there. */
  readonly version: number;
  /** Version of the oldest program that works with them. */
  readonly oldestProgram: number;
}

export async function readSchemaVersion(database: Database, tables: StateTables): Promise<SchemaVersion> {
  try {
    // All columns: the tables may be of before the one was there.
    const rows = await database.rows<{ schema_version: number; oldest_program?: number }>(
      `SELECT * FROM ${tables.fleet} WHERE id = 1`,
    );
    const version = rows[0]?.schema_version ?? 0;
    return { version, oldestProgram: rows[0]?.oldest_program ?? version };
  } catch (error) {
    if ((error as { errno?: number }).errno === 1146) return { version: 0, oldestProgram: 0 };
    throw error;
  }
}
