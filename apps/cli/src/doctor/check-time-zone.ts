import { utcDateTime } from '@pushfleet/shared/domain/wall-time';
import type { Config } from '@pushfleet/shared/platform/config';
import type { BackendSchema } from '@pushfleet/shared/store/backend-schema';
import { columnNames, unsentCondition } from '@pushfleet/shared/store/column-names';
import type { Database, SqlValue } from '@pushfleet/shared/store/database';
import { stateTables } from '@pushfleet/shared/store/state-tables';
import { type Finding, ok } from './finding.ts';
import { zoneFinding } from './time-zone.ts';

type ZoneConfig = Config<'PUSHFLEET_TIMEZONE' | 'PUSHFLEET_STATE_DATABASE'>;

/**
 * Reads what the zone can be judged by.
 *
 * @param hasOwnTables false: no dispatch can be looked at
 * @param zones named by the server
 * @param now milliseconds since 1970
 */
export async function timeZone(
  database: Database,
  config: ZoneConfig,
  { mapping, dueIsTimestamp, dueQueryHasIndex, notificationId: keyOfNotifications }: BackendSchema,
  hasOwnTables: boolean,
  zones: readonly string[],
  now: number,
): Promise<Finding> {
  if (dueIsTimestamp) return ok('time zone', 'does not matter to a TIMESTAMP');
  const { notification, notificationId, sent, due } = columnNames(mapping);
  const dues = async (from: string, condition: string, values: SqlValue[], order: string) =>
    (
      await database.arrays(
        `SELECT n.${due} FROM ${from} n WHERE ${condition} ORDER BY ${order} DESC LIMIT 3`,
        values,
      )
    ).map(([wall]) => String(wall));
  // Without an index a condition would be looked for in the whole table.
  const lately = `(SELECT ${notificationId}, ${sent}, ${due} FROM ${notification} ORDER BY ${notificationId} DESC LIMIT 1000)`;
  const unsent = unsentCondition(mapping, 'n');
  const late = hasOwnTables
    ? await database
        .arrays(
          `SELECT TIMESTAMPDIFF(SECOND, due_at, claimed_at) FROM ${stateTables(config.PUSHFLEET_STATE_DATABASE).dispatch}
            WHERE notification_id IS NOT NULL AND round = 1 ORDER BY id DESC LIMIT 5`,
        )
        .catch(() => []) // A right that is missing is told with the rights.
    : [];
  return zoneFinding(
    {
      // No zone is further than 14 hours from UTC, nor two of them than 26.
      sentDues: await dues(
        dueQueryHasIndex ? notification : lately,
        `n.${sent} = ? AND n.${due} < ?`,
        [mapping.notification.sentValue, utcDateTime(now + 27 * 3_600_000)],
        `n.${due}`,
      ),
      // Only ids that are counted say which rows are new.
      newestDues:
        keyOfNotifications.kind === 'integer'
          ? await dues(lately, unsent.sql, unsent.values, `n.${notificationId}`)
          : [],
      lateSeconds: late.map(([seconds]) => Number(seconds)),
      zones: [...zones, Intl.DateTimeFormat().resolvedOptions().timeZone],
    },
    config.PUSHFLEET_TIMEZONE,
    now,
  );
}
