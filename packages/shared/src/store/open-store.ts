import { readFileSync } from 'node:fs';
import { DEFAULT_MAPPING, type SchemaMapping, schemaMappingSchema } from '../domain/schema-mapping.ts';
import { type Config, ConfigurationError } from '../platform/config.ts';
import { readBackendSchema } from './backend-schema.ts';
import { type DatabaseOptions, openDatabase } from './database.ts';
import { stateTables } from './state-tables.ts';
import type { Store } from './store.ts';

export type StoreConfig = Config<
  | 'PUSHFLEET_MYSQL_URL'
  | 'PUSHFLEET_MYSQL_PASSWORD'
  | 'PUSHFLEET_MYSQL_CA_FILE'
  | 'PUSHFLEET_STATE_DATABASE'
  | 'PUSHFLEET_SCHEMA_FILE'
>;

/** A store that was opened by `openStore`; its database's `close` ends all connections. */
export interface OpenStore extends Store {
  close(): Promise<void>;
}

/**
 * Opens MySQL and looks at the backend's tables as the mapping file names them. It does not look at our
 * own tables: `readFleet` does.
 *
 * @param connections of the pool for single statements, and as many for transactions
 * @param options readOnly: the server refuses every change, whatever the account may do; answerWithinMs: a statement
 *   without an answer for so long has failed
 * @throws ConfigurationError for the files that the settings name, BackendSchemaError, MySQL's errors
 */
export async function openStore(
  config: StoreConfig,
  connections?: number,
  { readOnly = false, answerWithinMs }: Pick<DatabaseOptions, 'readOnly' | 'answerWithinMs'> = {},
): Promise<OpenStore> {
  const faults: string[] = [];
  const mapping = readMapping(config.PUSHFLEET_SCHEMA_FILE, faults);
  const ca = readFile('PUSHFLEET_MYSQL_CA_FILE', config.PUSHFLEET_MYSQL_CA_FILE, faults);
  if (faults.length > 0) throw new ConfigurationError(faults);
  const database = await openDatabase({
    target: config.PUSHFLEET_MYSQL_URL,
    password: config.PUSHFLEET_MYSQL_PASSWORD,
    ca,
    connections,
    readOnly,
    answerWithinMs,
  });
  try {
    const backend = await readBackendSchema(database, mapping);
    const tables = stateTables(config.PUSHFLEET_STATE_DATABASE);
    return { database, tables, backend, close: () => database.close() };
  } catch (error) {
    await database.close().catch(() => {});
    throw error;
  }
}

/** The mapping of a file, or Doctrine's names without one; what is wrong with it is added to `faults`. */
export function readMapping(path: string | undefined, faults: string[]): SchemaMapping {
  const text = readFile('PUSHFLEET_SCHEMA_FILE', path, faults);
  if (text === undefined) return DEFAULT_MAPPING;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    faults.push(`PUSHFLEET_SCHEMA_FILE: ${path} is no JSON: ${(error as Error).message}`);
    return DEFAULT_MAPPING;
  }
  const read = schemaMappingSchema.safeParse(value);
  if (read.success) return read.data;
  for (const issue of read.error.issues)
    faults.push(`PUSHFLEET_SCHEMA_FILE: ${path}: ${issue.path.join('.') || 'the file'}: ${issue.message}`);
  return DEFAULT_MAPPING;
}

function readFile(setting: string, path: string | undefined, faults: string[]): string | undefined {
  if (path === undefined) return undefined;
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    faults.push(
      `${setting}: ${path} cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown error'})`,
    );
    return undefined;
  }
}
