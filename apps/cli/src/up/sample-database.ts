import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type Database, openDatabase } from '@pushfleet/shared/store/database';
import { SAMPLE_GROUPS, SAMPLE_SIZE, sampleRows } from './sample-devices.ts';

const SCHEMA = fileURLToPath(new URL('../../sql/doctrine.sql', import.meta.url));
const ROWS_PER_STATEMENT = 2_000;

/** A server that lets root in without a password: embedded, or made for a demonstration. */
export interface ServerAddress {
  readonly host: string;
  readonly port: number;
}

export interface BackendDatabase {
  readonly server: ServerAddress;
  readonly name: string;
  readonly sample: boolean;
  /**
   * A file that is written when the database is complete: one that was cut off while it was made is made
   * again. Without it, device tokens in the database say so.
   */
  readonly marker?: string;
}

/**
 * Makes a backend's database on the embedded server, if it is not there yet: the tables as Doctrine makes
 * them, and with `sample` 10,000 device tokens in four groups.
 *
 * @returns whether it was made now
 */
export async function ensureBackendDatabase(options: BackendDatabase): Promise<boolean> {
  const { server, name, marker } = options;
  const isNew = !(marker === undefined ? await hasDeviceTokens(server, name) : existsSync(marker));
  if (isNew) {
    await onServer(server, 'mysql', async (database) => {
      await database.change(`DROP DATABASE IF EXISTS \`${name}\``);
      await database.change(`CREATE DATABASE \`${name}\` CHARACTER SET utf8mb4`);
    });
  }
  await onServer(server, name, async (database) => {
    if (isNew) {
      for (const statement of schemaStatements()) await database.change(statement);
      if (options.sample) await insertDevices(database);
      if (marker !== undefined) writeFileSync(marker, '');
    } else if (options.sample) {
      await restoreRetired(database);
    }
  });
  return isNew;
}

function schemaStatements(): string[] {
  return readFileSync(SCHEMA, 'utf8')
    .split(/;\s*$/m)
    .map((statement) => statement.trim())
    .filter((statement) => statement !== '');
}

function insertDevices(database: Database): Promise<void> {
  const rows = sampleRows();
  return database.transaction(async (statements) => {
    for (let at = 0; at < rows.length; at += ROWS_PER_STATEMENT) {
      const some = rows.slice(at, at + ROWS_PER_STATEMENT);
      await statements.change('INSERT INTO token (id, token, active) VALUES ?', [
        some.map(({ id, deviceToken, active }) => [id, deviceToken, active]),
      ]);
    }
    await statements.change('INSERT INTO token_group (id, name) VALUES ?', [
      SAMPLE_GROUPS.map(({ id, name }) => [id, name]),
    ]);
    for (const group of SAMPLE_GROUPS)
      await statements.change('INSERT INTO token_group_token (token_group_id, token_id) VALUES ?', [
        rows.filter(({ id }) => group.has(id)).map(({ id }) => [group.id, id]),
      ]);
  });
}

/** Those that the last run retired get the app again, so that this run has something to retire. */
async function restoreRetired(database: Database): Promise<void> {
  await database.change(
    "UPDATE token SET active = 1 WHERE id <= ? AND active = 0 AND token LIKE '410%' AND MOD(id, 20) <> 9",
    [SAMPLE_SIZE],
  );
}

/** They are inserted last, in one transaction. */
function hasDeviceTokens(server: ServerAddress, name: string): Promise<boolean> {
  return onServer(server, 'information_schema', async (database) => {
    const tables = await database.arrays(
      "SELECT 1 FROM TABLES WHERE TABLE_SCHEMA = ? AND TABLE_NAME = 'token'",
      [name],
    );
    if (tables.length === 0) return false;
    return (await database.arrays(`SELECT 1 FROM \`${name}\`.token LIMIT 1`)).length > 0;
  });
}

/** Does something on a database of the server, and closes what it opened. */
export async function onServer<T>(
  { host, port }: ServerAddress,
  name: string,
  work: (database: Database) => Promise<T>,
): Promise<T> {
  const database = await openDatabase({
    target: { host, port, user: 'root', password: '', database: name, tls: null },
    connections: 1,
  });
  try {
    return await work(database);
  } finally {
    await database.close();
  }
}
