import { ProducerOptionsError } from './errors.ts';

/** Names of the backend's tables and columns: the same shape as the file of PUSHFLEET_SCHEMA_FILE. */
const DEFAULTS = {
  notification: {
    table: 'notification',
    id: 'id',
    message: 'message',
    sent: 'sent',
    due: 'notificationdate',
    unsentValue: 0 as SqlLiteral,
    sentValue: 1 as SqlLiteral,
    title: null as string | null,
    subtitle: null as string | null,
    badge: null as string | null,
    sound: null as string | null,
    payload: null as string | null,
    pushType: null as string | null,
    topic: null as string | null,
    app: null as string | null,
    priority: null as string | null,
    expiry: null as string | null,
    collapseId: null as string | null,
    threadId: null as string | null,
    category: null as string | null,
    lane: null as string | null,
    sentAt: null as string | null,
  },
  token: {
    table: 'token',
    id: 'id',
    token: 'token',
    active: 'active',
    activeValue: 1 as SqlLiteral,
    inactiveValue: 0 as SqlLiteral,
    registeredAt: null as string | null,
    environment: null as string | null,
    topic: null as string | null,
    app: null as string | null,
  },
  notificationToken: { table: 'notification_token', notification: 'notification_id', token: 'token_id' },
  notificationGroup: {
    table: 'notification_token_group',
    notification: 'notification_id',
    group: 'token_group_id',
  },
  groupToken: { table: 'token_group_token', group: 'token_group_id', token: 'token_id' },
};

export type SqlLiteral = string | number | boolean | null;
export type Schema = typeof DEFAULTS;

/** What differs from the default names; whatever is left out keeps them. */
export type SchemaOption = { readonly [Part in keyof Schema]?: Partial<Schema[Part]> } & {
  readonly $schema?: string;
};

// Backticks, control characters and dots are what could break out of a quoted name.
const NAME = /^[^`\p{Cc}.\s][^`\p{Cc}.]{0,63}$/u;

/** @throws ProducerOptionsError listing all faults */
export function readSchema(option: SchemaOption = {}): Schema {
  const faults: string[] = [];
  const given = option as Record<string, Record<string, unknown> | string | undefined>;
  const schema = structuredClone(DEFAULTS) as Record<string, Record<string, unknown>>;
  for (const [part, columns] of Object.entries(given)) {
    if (part === '$schema' || columns === undefined) continue;
    const known = schema[part];
    if (known === undefined || typeof columns !== 'object') faults.push(`schema.${part} is unknown`);
    else
      for (const [column, value] of Object.entries(columns)) {
        if (!(column in known)) faults.push(`schema.${part}.${column} is unknown`);
        else if (!column.endsWith('Value') && !isName(value, column === 'table', known[column] === null))
          faults.push(`schema.${part}.${column} is no name of a ${column === 'table' ? 'table' : 'column'}`);
        else if (value !== undefined) known[column] = value;
      }
  }
  if (faults.length > 0) throw new ProducerOptionsError(faults.join('; '));
  return schema as unknown as Schema;
}

function isName(value: unknown, isTable: boolean, isOptional: boolean): boolean {
  if (value === undefined || (value === null && isOptional)) return true;
  if (typeof value !== 'string') return false;
  const parts = isTable ? value.split('.') : [value];
  return parts.length <= 2 && parts.every((part) => NAME.test(part));
}

/** A checked name, quoted for a statement; `database.table` is quoted in its two parts. */
export function quote(name: string): string {
  return name
    .split('.')
    .map((part) => `\`${part}\``)
    .join('.');
}

/** Quoted name of one of Pushfleet's own tables. */
export function ownTable(name: string, stateDatabase: string | undefined): string {
  return quote(stateDatabase === undefined ? `pushfleet_${name}` : `${stateDatabase}.pushfleet_${name}`);
}
