import { z } from 'zod';
import { REPLAYABLE } from './replay.ts';
import type { Store } from './store.ts';

/**
 * What operators may ask for; the producer executes it. Strict: a producer that knows less than who asks must
 * refuse what it does not understand, not do half of it.
 */
export const commandSchema = z.discriminatedUnion('verb', [
  z.strictObject({ verb: z.literal('pause'), app: z.string() }),
  z.strictObject({ verb: z.literal('resume'), app: z.string() }),
  z.strictObject({ verb: z.literal('rate'), app: z.string(), perSecond: z.int().min(0).nullable() }),
  z.strictObject({ verb: z.literal('resumeNotification'), notificationId: z.string() }),
  z.strictObject({ verb: z.literal('cancel'), notificationId: z.string() }),
  z.strictObject({
    verb: z.literal('replay'),
    notificationId: z.string(),
    outcomes: z.array(z.enum(REPLAYABLE)).min(1),
    reason: z.string().nullable(),
  }),
  z.strictObject({
    verb: z.literal('send'),
    app: z.string(),
    deviceToken: z.string(),
    alert: z.string().nullable(),
    /** As in `pushfleet_request.options`. */
    options: z.record(z.string(), z.unknown()),
  }),
  z.strictObject({ verb: z.literal('restoreDevices'), tokenIds: z.array(z.string()).max(10_000) }),
]);
export type Command = z.output<typeof commandSchema>;

export interface PendingCommand {
  readonly id: number;
  readonly verb: string;
  /** Null: this program does not know the verb, or its arguments. */
  readonly command: Command | null;
  readonly by: string;
}

export interface CommandResult {
  readonly succeeded: boolean;
  /** A sentence for the person who asked. */
  readonly result: string;
}

type Tables = Pick<Store, 'database' | 'tables'>;

/** @returns the id to look for the result under */
export async function requestCommand(
  { database, tables }: Tables,
  command: Command,
  by: string,
): Promise<number> {
  const { verb, ...rest } = command;
  const { firstId } = await database.insert(
    `INSERT INTO ${tables.command} (verb, arguments, requested_by, requested_at) VALUES (?, ?, ?, UTC_TIMESTAMP(3))`,
    [verb, JSON.stringify(rest), by.slice(0, 190)],
  );
  return firstId;
}

/**
 * Not executed yet, or taken by a producer that never told what came of it and may have died: those that may
 * be done twice are done by another then. A pause or a rate is not: somebody may have decided otherwise since.
 */
const OPEN = `(executed_at IS NULL OR (succeeded IS NULL AND verb IN ('cancel', 'resumeNotification', 'replay', 'restoreDevices', 'send')
  AND executed_at BETWEEN UTC_TIMESTAMP(3) - INTERVAL 1 HOUR AND UTC_TIMESTAMP(3) - INTERVAL 30 SECOND))`;

export async function readPendingCommands(
  { database, tables }: Tables,
  limit: number,
): Promise<PendingCommand[]> {
  const rows = await database.rows<{ id: number; verb: string; arguments: string; by: string }>(
    `SELECT id, verb, arguments, requested_by AS \`by\` FROM ${tables.command}
      WHERE ${OPEN} ORDER BY id LIMIT ${limit}`,
  );
  return rows.map((row) => ({
    id: row.id,
    verb: row.verb,
    by: row.by,
    command: parseCommand(row.verb, row.arguments),
  }));
}

/** Takes a command for execution; false when another producer has it. */
export async function takeCommand({ database, tables }: Tables, id: number): Promise<boolean> {
  const matched = await database.change(
    `UPDATE ${tables.command} SET executed_at = UTC_TIMESTAMP(3) WHERE id = ? AND ${OPEN}`,
    [id],
  );
  return matched === 1;
}

export async function finishCommand(
  { database, tables }: Tables,
  id: number,
  result: CommandResult,
): Promise<void> {
  // No device token stays in a wish that is done. A result that is there already was committed with its effect.
  await database.change(
    `UPDATE ${tables.command} SET result = IF(succeeded IS NULL, ?, result), succeeded = IFNULL(succeeded, ?),
            arguments = IF(verb = 'send' AND JSON_VALID(arguments), JSON_REMOVE(arguments, '$.deviceToken'), arguments) WHERE id = ?`,
    [result.result, result.succeeded, id],
  );
}

/** Null while no producer has executed it. */
export async function readCommandResult(
  { database, tables }: Tables,
  id: number,
): Promise<CommandResult | null> {
  const rows = await database.rows<{ succeeded: number | null; result: string | null }>(
    `SELECT succeeded, result FROM ${tables.command} WHERE id = ?`,
    [id],
  );
  const row = rows[0];
  return row === undefined || row.succeeded === null
    ? null
    : { succeeded: row.succeeded === 1, result: row.result ?? '' };
}

function parseCommand(verb: string, argumentsText: string): Command | null {
  try {
    return commandSchema.parse({ ...JSON.parse(argumentsText), verb });
  } catch {
    return null;
  }
}
