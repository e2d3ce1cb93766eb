import { quoteName, type SchemaMapping } from '../domain/schema-mapping.ts';
import type { SqlValue } from './database.ts';

/** The backend's names, quoted for a statement. */
export interface ColumnNames {
  readonly notification: string;
  readonly notificationId: string;
  readonly sent: string;
  readonly due: string;
  readonly token: string;
  readonly tokenId: string;
  readonly tokenString: string;
  readonly active: string;
}

const cache = new WeakMap<SchemaMapping, ColumnNames>();

export function columnNames(mapping: SchemaMapping): ColumnNames {
  let names = cache.get(mapping);
  if (names === undefined) {
    names = {
      notification: quoteName(mapping.notification.table),
      notificationId: quoteName(mapping.notification.id),
      sent: quoteName(mapping.notification.sent),
      due: quoteName(mapping.notification.due),
      token: quoteName(mapping.token.table),
      tokenId: quoteName(mapping.token.id),
      tokenString: quoteName(mapping.token.token),
      active: quoteName(mapping.token.active),
    };
    cache.set(mapping, names);
  }
  return names;
}

/** `n.sent = <unsent>`, also where unsent is NULL. */
export function unsentCondition(mapping: SchemaMapping, alias: string): { sql: string; values: SqlValue[] } {
  const column = `${alias}.${columnNames(mapping).sent}`;
  const { unsentValue } = mapping.notification;
  return unsentValue === null
    ? { sql: `${column} IS NULL`, values: [] }
    : { sql: `${column} = ?`, values: [unsentValue] };
}
