import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type Database, openDatabase } from '@pushfleet/shared/store/database';
import { SAMPLE_GROUPS, SAMPLE_SIZE, sampleRows } from './sample-devices.ts';

const SCHEMA = fileURLToPath(new URL('../../sql/doctrine.sql', import.meta.url));
const ROWS_PER_STATEMENT = 2_000;

export interface BackendDatabase {
  /** Port of the embedded server on 127.0.0.1. */
  readonly port: number;
  readonly name: string;
  readonly sample: boolean;
  /** Written when the database is complete: one that was cut off while it was made is made again. */
  readonly marker: string;
}

/**
 * Makes a backend's database on the embedded server, if it is not there yet: the tables as Doctrine makes
 * them, and with `sample` 10,000 device tokens in four groups.
 *
 * @returns whether it was made now
 */
export async function ensureBackendDatabase(options: BackendDatabase): Promise<boolean> {
  const { name, marker } = options;
  const isNew = !existsSync(marker);
  if (isNew) {
    await onDatabase(options.port, 'mysql', async (server) => {
      await server.change(`DROP DATABASE IF EXISTS \`${name}\``);
      await server.change(`CREATE DATABASE \`${name}\` CHARACTER SET utf8mb4`);
    });
  }
  await onDatabase(options.port, name, async (database) => {
    if (isNew) {
      for (const statement of schemaStatements()) await database.change(statement);
      if (options.sample) await insertDevices(database);
      writeFileSync(marker, '');
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

async function onDatabase<T>(
  port: number,
  name: string,
  work: (database: Database) => Promise<T>,
): Promise<T> {
  const database = await openDatabase({
    target: { host: '127.0.0.1', port, user: 'root', password: '', database: name, tls: null },
    connections: 1,
  });
  try {
    return await work(database);
  } finally {
    await database.close();
  }
}
