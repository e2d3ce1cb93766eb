import { type ColumnTypes, idParameter, readColumnTypes } from './backend-tables.ts';
import { type Connection, type Sql, sqlOn } from './connection.ts';
import { type EnqueuedRow, enqueueRow, type Place } from './enqueue.ts';
import { InvalidNotificationError, ProducerOptionsError } from './errors.ts';
import { checkNotification, type NotificationInput } from './notification-input.ts';
import { OwnConnections } from './own-connections.ts';
import { ownTable, readSchema, type SchemaOption } from './schema.ts';
import { type NotificationStatus, readStatus } from './status.ts';
import { type Publisher, WakePublisher } from './wake-publisher.ts';
import { assertTimeZone } from './wall-time.ts';

export interface ProducerOptions {
  /** A mysql2 pool, or `mysql://user:password@host:3306/database?ssl-mode=…` (needs the package mysql2). */
  readonly mysql: string | object;
  /** The daemon's Redis: only to wake it at once. A URL (needs the package ioredis), or a client with `publish`. */
  readonly redis?: string | Publisher;
  /** The names that PUSHFLEET_SCHEMA_FILE gives the daemon, as the object in that file. */
  readonly schema?: SchemaOption;
  /** PUSHFLEET_TIMEZONE of the daemon; UTC if left out. */
  readonly timezone?: string;
  /** PUSHFLEET_REDIS_PREFIX of the daemon. */
  readonly prefix?: string;
  /** PUSHFLEET_STATE_DATABASE of the daemon. */
  readonly stateDatabase?: string;
}

export interface Enqueued extends EnqueuedRow {
  /** Wakes the daemon; to be called after the commit. Never throws: the daemon's poll finds the row anyway. */
  readonly wake: () => Promise<void>;
}

export interface Producer {
  /**
   * Writes a notification and its audience, in the caller's transaction where one is given, else in one
   * of its own; then it also wakes the daemon.
   *
   * @throws InvalidNotificationError, UnknownDeviceTokenError, MissingDriverError, and the driver's errors
   */
  enqueue(notification: NotificationInput, use?: { readonly connection?: Connection }): Promise<Enqueued>;
  /** Null where there is no notification with this id. */
  status(id: string | number | Buffer): Promise<NotificationStatus | null>;
  /** Asks the daemon to stop what is not sent yet. Resolves when it is asked; `status` tells when it is done. */
  cancel(id: string | number): Promise<void>;
  /** Closes what it opened itself, never a pool or client that was given. */
  close(): Promise<void>;
}

/**
 * The library for one backend; usually one per process. Nothing is connected before it is first asked for something.
 *
 * @throws ProducerOptionsError where an option is missing or cannot be used
 */
export function createProducer(options: ProducerOptions): Producer {
  const place = readPlace(options);
  const connections = new OwnConnections(options.mysql);
  const publisher =
    options.redis === undefined ? null : new WakePublisher(options.redis, options.prefix ?? 'pushfleet');
  const wake = async () => publisher?.wake();
  let known: ColumnTypes | undefined;
  async function typesOn(sql: Sql): Promise<ColumnTypes> {
    known ??= await readColumnTypes(sql, place.schema);
    return known;
  }

  return {
    async enqueue(notification, { connection } = {}) {
      const checked = checkNotification(notification);
      await publisher?.prepare();
      const write = async (sql: Sql) => enqueueRow(sql, place, checked, await typesOn(sql));
      if (connection !== undefined) return { ...(await write(sqlOn(connection))), wake };
      const row = await connections.transaction(write);
      void wake();
      return { ...row, wake };
    },
    status: (id) =>
      connections.read(async (sql) => {
        const types = await typesOn(sql);
        return readStatus(sql, place, types, idParameter(id, types));
      }),
    async cancel(id) {
      await connections.read(async (sql) => requestCancel(sql, place, await typesOn(sql), id));
      void wake();
    },
    async close() {
      await publisher?.close();
      await connections.close();
    },
  };
}

async function requestCancel(sql: Sql, place: Place, types: ColumnTypes, id: string | number): Promise<void> {
  if ((await readStatus(sql, place, types, idParameter(id, types))) === null)
    throw new InvalidNotificationError([`there is no notification ${id}`]);
  await sql.run(
    `INSERT INTO ${ownTable('command', place.stateDatabase)} (verb, arguments, requested_by, requested_at)
     VALUES ('cancel', ?, 'producer library', UTC_TIMESTAMP(3))`,
    [JSON.stringify({ notificationId: String(id) })],
  );
}

function readPlace({ schema, timezone = 'UTC', stateDatabase, ...others }: ProducerOptions): Place {
  for (const name of Object.keys(others))
    if (!['mysql', 'redis', 'prefix'].includes(name))
      throw new ProducerOptionsError(`the option "${name}" is unknown`);
  if (others.mysql === undefined || others.mysql === null)
    throw new ProducerOptionsError('mysql is missing: a mysql2 pool, or a mysql:// URL');
  try {
    assertTimeZone(timezone);
  } catch {
    throw new ProducerOptionsError(`timezone "${timezone}" is no zone such as Europe/Berlin`);
  }
  if (stateDatabase !== undefined && !/^[^`\p{Cc}.\s][^`\p{Cc}.]{0,63}$/u.test(stateDatabase))
    throw new ProducerOptionsError('stateDatabase is no name of a database');
  return { schema: readSchema(schema), zone: timezone, stateDatabase };
}
