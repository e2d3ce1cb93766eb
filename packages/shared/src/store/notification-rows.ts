import { quoteName } from '../domain/schema-mapping.ts';
import { idText, idValue } from './backend-schema.ts';
import { columnNames, unsentCondition } from './column-names.ts';
import type { Statements } from './database.ts';
import type { Store } from './store.ts';

/** Longer texts are cut when read: nothing that long can be sent, and a row may hold a gigabyte. */
const TEXT_LIMIT = 6_000;
/** Of JSON: a character of the payload may be written in six, as PHP does by itself. */
const JSON_LIMIT = 65_536;

/** The optional columns of a notification, in the order in which they are read. */
const OPTION_COLUMNS = [
  'title',
  'subtitle',
  'badge',
  'sound',
  'payload',
  'pushType',
  'topic',
  'app',
  'priority',
  'expiry',
  'collapseId',
  'threadId',
  'category',
  'lane',
] as const;
export type OptionColumn = (typeof OPTION_COLUMNS)[number];

/** What a row says, as the columns have it. */
export interface NotificationRow {
  readonly id: string;
  /** Still to be sent, as far as the backend is concerned. */
  readonly unsent: boolean;
  readonly due: string;
  readonly message: string | null;
  readonly messageBytes: number;
  /** Values of the mapped optional columns that are not NULL. */
  readonly columns: { readonly [column in OptionColumn]?: string };
  /** Text of `pushfleet_request.options`, or null without one. */
  readonly options: string | null;
}

/** Reads rows by id; ids that do not exist are left out. */
export async function readNotificationRows(
  store: Store,
  ids: readonly string[],
  on: Statements = store.database,
): Promise<NotificationRow[]> {
  if (ids.length === 0) return [];
  const { tables, backend } = store;
  const { notification } = backend.mapping;
  const c = columnNames(backend.mapping);
  const unsent = unsentCondition(backend.mapping, 'n');
  const message = `n.${quoteName(notification.message)}`;
  const mapped = OPTION_COLUMNS.filter((column) => notification[column] !== null);
  const optional = mapped
    .map((column) => {
      const name = `n.${quoteName(notification[column]!)}`;
      return column === 'expiry' && backend.expiryIsTimestamp
        ? `, FLOOR(UNIX_TIMESTAMP(${name}))`
        : `, LEFT(${name}, ${column === 'payload' ? JSON_LIMIT : TEXT_LIMIT})`;
    })
    .join('');
  const rows = await on.arrays(
    `SELECT n.${c.notificationId}, ${unsent.sql}, n.${c.due}, LEFT(${message}, ${TEXT_LIMIT}), OCTET_LENGTH(${message}),
            LEFT(r.options, ${JSON_LIMIT})${optional}
       FROM ${c.notification} n LEFT JOIN ${tables.request} r ON r.notification_id = n.${c.notificationId}
      WHERE n.${c.notificationId} IN (?)`,
    [...unsent.values, ids.map((id) => idValue(backend.notificationId, id))],
  );
  return rows.map(([id, isUnsent, due, text, bytes, options, ...values]) => ({
    id: idText(id),
    unsent: Number(isUnsent) === 1,
    due: String(due),
    message: textOrNull(text),
    messageBytes: Number(bytes ?? 0),
    columns: Object.fromEntries(
      mapped.flatMap((column, i) => {
        const value = textOrNull(values[i]);
        return value === null ? [] : [[column, value]];
      }),
    ),
    options: textOrNull(options),
  }));
}

function textOrNull(value: unknown): string | null {
  if (value === null || value === undefined) return null;
  return Buffer.isBuffer(value) ? value.toString('utf8') : String(value);
}
