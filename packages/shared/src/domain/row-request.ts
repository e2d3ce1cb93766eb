import { createHash } from 'node:crypto';
import { type App, chooseApp } from './apps.ts';
import { type NotificationOptions, notificationOptionsSchema } from './notification-options.ts';
import { type BuiltRequest, buildPushRequest } from './push-request.ts';
import { dueInstant } from './wall-time.ts';

/** What the database says of one notification: its row, and its options where the row has no column for them. */
export interface RowSource {
  readonly message: string | null;
  readonly messageBytes: number;
  readonly columns: { readonly [column: string]: string | undefined };
  /** Text of `pushfleet_request.options`. */
  readonly options: string | null;
}

export interface RowRules {
  readonly apps: readonly App[];
  readonly defaultApp: string;
  /** Zone of the backend's DATETIME columns. */
  readonly zone: string;
  readonly expiryIsDateTime: boolean;
}

/** Turns a row into the request that its recipients get, or says in a sentence why it cannot be sent. */
export function requestOfRow(row: RowSource, rules: RowRules): RowRequest {
  try {
    return buildFromRow(row, rules);
  } catch (error) {
    // A row must never keep others from being sent, whatever it holds: some JSON can be read but not written.
    return {
      ok: false,
      error: `the payload or the options cannot be used: ${(error as Error).message.slice(0, 200)}`,
    };
  }
}

type RowRequest = BuiltRequest & { readonly options?: NotificationOptions; readonly app?: App };

function buildFromRow(row: RowSource, rules: RowRules): RowRequest {
  const read = readOptions(row, rules);
  if (typeof read === 'string') return { ok: false, error: read };
  const app = chooseApp(rules.apps, rules.defaultApp, read);
  if (typeof app === 'string') return { ok: false, error: app };
  const built = buildPushRequest(
    { message: row.message, messageBytes: row.messageBytes, options: read },
    { app: app.name, topic: app.topic, environment: app.environment, badge: app.badge, sound: app.sound },
  );
  return { ...built, options: read, app };
}

/** Changes whenever the row, its options or the rules change: then an invalid row deserves another look. */
export function rowDigest(row: RowSource, rules: RowRules): string {
  return createHash('sha256')
    .update(JSON.stringify([row.message, row.messageBytes, row.columns, row.options, rules]))
    .digest('hex')
    .slice(0, 16);
}

/** Options of the request table, with mapped columns over them; or a sentence about what is wrong. */
function readOptions(row: RowSource, rules: RowRules): NotificationOptions | string {
  const given = parseObject(row.options, 'pushfleet_request.options');
  if (typeof given === 'string') return given;
  const columns = readColumns(row.columns, rules);
  if (typeof columns === 'string') return columns;
  const merged = notificationOptionsSchema.safeParse({ ...given, ...columns });
  if (merged.success) return merged.data;
  const { path, message } = merged.error.issues[0]!;
  return `option "${path.join('.') || 'options'}" cannot be used: ${message}`;
}

function readColumns(columns: RowSource['columns'], rules: RowRules): Record<string, unknown> | string {
  const read: Record<string, unknown> = { ...columns };
  for (const column of ['badge', 'priority']) {
    if (columns[column] !== undefined) read[column] = wholeNumber(columns[column]);
  }
  if (columns.payload !== undefined) {
    const payload = parseObject(columns.payload, 'the payload');
    if (typeof payload === 'string') return payload;
    read.payload = payload;
  }
  if (columns.expiry !== undefined) {
    const expiry = expirySeconds(columns.expiry, rules);
    if (expiry === null) return `the expiry "${columns.expiry.slice(0, 40)}" is no time`;
    read.expiry = expiry;
  }
  return read;
}

function parseObject(text: string | null, what: string): Record<string, unknown> | string {
  if (text === null) return {};
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value))
      return value as Record<string, unknown>;
    return `${what} is JSON but no object`;
  } catch {
    return `${what} is no valid JSON (or longer than 65,536 characters)`;
  }
}

function wholeNumber(text: string): number | string {
  return /^-?\d+$/.test(text) ? Number(text) : text;
}

function expirySeconds(text: string, { expiryIsDateTime, zone }: RowRules): number | null {
  if (!expiryIsDateTime) return /^\d+$/.test(text) ? Number(text) : null;
  const instant = dueInstant(text, zone);
  return instant === null ? null : Math.floor(instant / 1000);
}
