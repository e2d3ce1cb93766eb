import { z } from 'zod';

/**
 * The names of the backend's tables (or views) and columns. The defaults are the names that Doctrine
 * gives the entities of the old Symfony application; the file of PUSHFLEET_SCHEMA_FILE changes any of them.
 */

// Backticks, control characters and dots are what could break out of a quoted name; MySQL allows 64 characters.
const identifier = z
  .string()
  .regex(/^[^`\p{Cc}.\s][^`\p{Cc}.]{0,63}$/u, 'is no name of a table or column')
  .describe('A name in the database, written without quotes');
const table = z
  .string()
  .regex(
    /^([^`\p{Cc}.\s][^`\p{Cc}.]{0,63}\.)?[^`\p{Cc}.\s][^`\p{Cc}.]{0,63}$/u,
    'is no name of a table or view',
  )
  .describe('A table or view, or database.table');
const optional = identifier.nullable().default(null);
const value = z.union([z.string(), z.number(), z.boolean()]);

const notification = z.strictObject({
  table: table.default('notification'),
  id: identifier.default('id'),
  message: identifier.default('message'),
  sent: identifier.default('sent'),
  due: identifier.default('notificationdate').describe('DATETIME in PUSHFLEET_TIMEZONE'),
  unsentValue: value.nullable().default(0).describe('Value of `sent` in rows to send; null for IS NULL'),
  sentValue: value.default(1).describe('Value that `sent` gets when every recipient is settled'),
  title: optional,
  subtitle: optional,
  badge: optional,
  sound: optional,
  payload: optional.describe('JSON: custom keys, or a whole payload with `aps`'),
  pushType: optional,
  topic: optional,
  app: optional,
  priority: optional,
  expiry: optional.describe('DATETIME in PUSHFLEET_TIMEZONE, or UNIX seconds'),
  collapseId: optional,
  threadId: optional,
  category: optional,
  lane: optional.describe('`urgent` or `bulk`'),
  sentAt: optional.describe('DATETIME that is set together with `sent`'),
});

const token = z.strictObject({
  table: table.default('token'),
  id: identifier.default('id'),
  token: identifier.default('token'),
  active: identifier.default('active'),
  activeValue: value.default(1),
  inactiveValue: value.default(0),
  registeredAt: optional.describe(
    'DATETIME in PUSHFLEET_TIMEZONE: when the app last registered this device token',
  ),
  environment: optional.describe('`production` or `sandbox`'),
  topic: optional,
  app: optional,
});

export const schemaMappingSchema = z.strictObject({
  $schema: z.string().optional(),
  notification: notification.prefault({}),
  token: token.prefault({}),
  notificationToken: z
    .strictObject({
      table: table.default('notification_token'),
      notification: identifier.default('notification_id'),
      token: identifier.default('token_id'),
    })
    .prefault({}),
  notificationGroup: z
    .strictObject({
      table: table.default('notification_token_group'),
      notification: identifier.default('notification_id'),
      group: identifier.default('token_group_id'),
    })
    .prefault({}),
  groupToken: z
    .strictObject({
      table: table.default('token_group_token'),
      group: identifier.default('token_group_id'),
      token: identifier.default('token_id'),
    })
    .prefault({}),
});

export type SchemaMapping = z.output<typeof schemaMappingSchema>;

export const DEFAULT_MAPPING: SchemaMapping = schemaMappingSchema.parse({});

/** A checked name, quoted for a statement; `database.table` is quoted in its two parts. */
export function quoteName(name: string): string {
  return name
    .split('.')
    .map((part) => `\`${part.replaceAll('`', '``')}\``)
    .join('.');
}
