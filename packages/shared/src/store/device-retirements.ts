import type { DeviceRow } from './device-outcome.ts';
import { isoTime } from './status.ts';
import type { Store } from './store.ts';

/** The last time that APNs called the device token of a row dead. Times are ISO 8601 in UTC. */
export interface DeviceRetirement {
  /** `applied`: we switched it off; `kept`: we did not, see `note`. */
  readonly state: 'pending' | 'applied' | 'kept' | 'restored';
  readonly reason: string;
  readonly note: string | null;
  readonly apnsTimestamp: string | null;
  readonly retiredAt: string | null;
  readonly restoredAt: string | null;
}

/** The last retirement of each row that has one. */
export async function readDeviceRetirements(
  { database, tables }: Store,
  rows: readonly Pick<DeviceRow, 'tokenId'>[],
): Promise<Map<string, DeviceRetirement>> {
  if (rows.length === 0) return new Map();
  const found = await database.arrays(
    `SELECT token_id, state, reason, note, apns_timestamp, applied_at, restored_at FROM ${tables.retirement}
      WHERE token_id IN (?) ORDER BY id`,
    [rows.map(({ tokenId }) => tokenId)],
  );
  return new Map(
    found.map(([tokenId, state, reason, note, timestamp, appliedAt, restoredAt]) => [
      String(tokenId),
      {
        state: String(state) as DeviceRetirement['state'],
        reason: String(reason),
        note: note === null || note === '' ? null : String(note),
        apnsTimestamp: isoTime(timestamp),
        retiredAt: isoTime(appliedAt),
        restoredAt: isoTime(restoredAt),
      },
    ]),
  );
}
