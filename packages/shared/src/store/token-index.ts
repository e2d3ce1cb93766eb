import { quoteName, type SchemaMapping } from '../domain/schema-mapping.ts';
import { readIndexes, splitName } from './backend-schema.ts';
import type { Database } from './database.ts';

/** Of a TEXT column an index takes a prefix. */
const PREFIX_LENGTH = 100;

/**
 * The statement that makes `pushfleet device` and `explain --device-token` find a device token by an index;
 * null where there is one.
 */
export async function missingTokenIndex(
  database: Database,
  { token }: SchemaMapping,
): Promise<string | null> {
  const indexes = [...(await readIndexes(database, token.table)).values()];
  if (indexes.some(([first]) => first === token.token.toLowerCase())) return null;
  const [schema, name] = splitName(database.name, token.table);
  const [column] = await database.rows<{ type: string }>(
    `SELECT LOWER(data_type) AS type FROM information_schema.columns
      WHERE table_schema = ? AND table_name = ? AND column_name = ?`,
    [schema, name, token.token],
  );
  const prefix = /text|blob/.test(column?.type ?? '') ? `(${PREFIX_LENGTH})` : '';
  return `CREATE INDEX pushfleet_token ON ${quoteName(token.table)} (${quoteName(token.token)}${prefix});`;
}
