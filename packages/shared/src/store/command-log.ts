import { isoTime } from './status.ts';
import type { Store } from './store.ts';

/** A wish of an operator's and what came of it. */
export interface LoggedCommand {
  readonly id: number;
  readonly verb: string;
  /** What it was about, in a few words: an app, a notification, a number of devices. Never a device token. */
  readonly about: string;
  readonly by: string;
  /** ISO 8601 in UTC. */
  readonly at: string;
  /** Null: no producer has carried it out yet. */
  readonly succeeded: boolean | null;
  readonly result: string | null;
}

/** The operators' log, newest first. */
export async function readCommandLog({ database, tables }: Store, limit: number): Promise<LoggedCommand[]> {
  const rows = await database.arrays(
    `SELECT id, verb, arguments, requested_by, requested_at, succeeded, result FROM ${tables.command}
      ORDER BY id DESC LIMIT ${limit}`,
  );
  return rows.map(loggedCommand);
}

/** Notes what was done for somebody without a producer: no producer looks at a wish that has a result. */
export async function logDone(
  { database, tables }: Pick<Store, 'database' | 'tables'>,
  verb: 'retryJobs',
  about: { readonly jobs: string },
  by: string,
  result: string,
): Promise<void> {
  await database.insert(
    `INSERT INTO ${tables.command} (verb, arguments, requested_by, requested_at, executed_at, succeeded, result)
     VALUES (?, ?, ?, UTC_TIMESTAMP(3), UTC_TIMESTAMP(3), 1, ?)`,
    [verb, JSON.stringify(about), by.slice(0, 190), result],
  );
}

/** How far back the wishes about one notification are looked for: there is no index by what they are about. */
const LOOKED_AT = 1_000;

/** The wishes about one notification, newest first, among the last thousand about any. */
export async function readCommandsAbout(
  { database, tables }: Store,
  notificationId: string,
  limit: number,
): Promise<LoggedCommand[]> {
  const rows = await database.arrays(
    `SELECT id, verb, arguments, requested_by, requested_at, succeeded, result FROM ${tables.command}
      WHERE verb IN ('cancel', 'resumeNotification', 'replay') ORDER BY id DESC LIMIT ${LOOKED_AT}`,
  );
  return rows
    .filter(([, , text]) => parsed(String(text)).notificationId === notificationId)
    .slice(0, limit)
    .map(loggedCommand);
}

function loggedCommand([id, verb, text, by, at, succeeded, result]: readonly unknown[]): LoggedCommand {
  return {
    id: Number(id),
    verb: String(verb),
    about: aboutOf(String(verb), parsed(String(text))),
    by: String(by),
    at: isoTime(at)!,
    succeeded: succeeded === null ? null : Number(succeeded) === 1,
    result: result === null ? null : String(result),
  };
}

/** Named field by field: the arguments of a `send` hold a device token while it waits. */
function aboutOf(verb: string, args: Readonly<Record<string, unknown>>): string {
  switch (verb) {
    case 'rate':
      return `${name(args.app)}: ${args.perSecond === null ? 'default' : args.perSecond === 0 ? 'off' : `${Number(args.perSecond)}/s`}`;
    case 'cancel':
    case 'resumeNotification':
      return name(args.notificationId);
    case 'replay':
      return `${name(args.notificationId)}: ${[args.outcomes].flat().map(name).join(', ')}`;
    case 'restoreDevices': {
      const ids = [args.tokenIds ?? []].flat().map(name);
      return ids.length === 1 ? `row ${ids[0]}` : `${ids.length} rows`;
    }
    case 'retryJobs':
      return name(args.jobs);
    default:
      return name(args.app);
  }
}

function name(value: unknown): string {
  return typeof value === 'string' ? value.slice(0, 60) : '';
}

function parsed(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
