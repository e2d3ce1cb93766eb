import { apnsId } from '../domain/apns-id.ts';
import { decodeProgress } from '../domain/batch-progress.ts';
import { normalizeDeviceToken } from '../domain/device-token.ts';
import { isPushRecipient, pushRecipientId } from '../domain/operator-push.ts';
import { ACCEPTED, OUTCOMES, WAITING } from '../domain/outcomes.ts';
import { indexOfRecipient, sortableId } from '../domain/recipient-list.ts';
import { idText, idValue } from './backend-schema.ts';
import { columnNames } from './column-names.ts';
import { isoTime } from './status.ts';
import type { Store } from './store.ts';

/** What happened to one device token in one dispatch. */
export interface DeviceOutcome {
  /** `waiting` without an outcome yet; null: the device token is not in the audience, see `note`. */
  readonly outcome: string | null;
  /** HTTP status of APNs' last answer; 0 where APNs was not asked, null where none is recorded. */
  readonly status: number | null;
  readonly reason: string | null;
  /** Answered attempts; null where they are not recorded (accepted ones). */
  readonly attempts: number | null;
  /** Of an accepted one: when the last recipient of its batch was accepted. */
  readonly at: string | null;
  readonly apnsId: string | null;
  /** A sentence for what the fields do not say. */
  readonly note: string | null;
}

/** A row of the backend's with this device token, in whatever spelling. */
export interface DeviceRow {
  readonly tokenId: string;
  readonly active: boolean;
  /** False: written otherwise than in lower-case hex. */
  readonly plain: boolean;
}

/**
 * Rows that hold a device token, looked up by its usual spellings. Fast with an index on the column,
 * which is the backend's to make.
 *
 * @param deviceToken normalised
 */
export async function findDeviceRows(
  { database, backend }: Store,
  deviceToken: string,
): Promise<DeviceRow[]> {
  const c = columnNames(backend.mapping);
  const rows = await database.arrays(
    `SELECT ${c.tokenId}, ${c.tokenString}, ${c.active} = ? FROM ${c.token} WHERE ${c.tokenString} IN (?)`,
    [backend.mapping.token.activeValue, spellings(deviceToken)],
  );
  return rows
    .filter(([, stored]) => normalizeDeviceToken(asText(stored)) === deviceToken)
    .map(([id, stored, active]) => ({
      tokenId: idText(id),
      active: Number(active) === 1,
      plain: asText(stored) === deviceToken,
    }));
}

/** The device token of the row with this id as it is stored, cut to 1,000 characters; undefined where the row is gone. */
export async function readStoredDeviceToken(
  { database, backend }: Store,
  tokenId: string,
): Promise<string | null | undefined> {
  const c = columnNames(backend.mapping);
  const rows = await database.arrays(
    `SELECT LEFT(${c.tokenString}, 1000) FROM ${c.token} WHERE ${c.tokenId} = ?`,
    [idValue(backend.tokenId, tokenId)],
  );
  return rows[0] === undefined ? undefined : asText(rows[0][0]);
}

/** The spellings in which backends store a device token: hex, upper case, and what iOS printed in old days. */
function spellings(deviceToken: string): string[] {
  const grouped = deviceToken.replace(/.{8}(?=.)/g, '$& ');
  return [deviceToken, deviceToken.toUpperCase(), `<${grouped}>`, grouped, `<${deviceToken}>`];
}

/** @param rows the rows of the device token, as `findDeviceRows` gives them */
export async function readDeviceOutcome(
  store: Store,
  dispatchId: number,
  rows: readonly DeviceRow[],
): Promise<DeviceOutcome> {
  for (const { tokenId } of rows) {
    const found = await findRecipient(store, dispatchId, tokenId);
    if (found !== null) return found;
  }
  return noRecipient(whyNoRecipient(rows));
}

/** A device token that has no outcome, with the sentence why. */
export function noRecipient(note: string): DeviceOutcome {
  return { ...NOTHING, note };
}

const NOTHING: DeviceOutcome = {
  outcome: null,
  status: null,
  reason: null,
  attempts: null,
  at: null,
  apnsId: null,
  note: null,
};

/** What became of an operator's push to this device token. */
export async function readPushOutcome(
  store: Store,
  dispatchId: number,
  deviceToken: string,
): Promise<DeviceOutcome> {
  const found = await findRecipient(store, dispatchId, pushRecipientId(deviceToken));
  return found ?? noRecipient('this push went to another device token');
}

function whyNoRecipient(rows: readonly DeviceRow[]): string {
  if (rows.length === 0) return 'no row of the backend holds this device token';
  return rows.some(({ active }) => active)
    ? 'the device token is not in the audience of this notification'
    : 'the device token is inactive and got nothing';
}

async function findRecipient(
  store: Store,
  dispatchId: number,
  tokenId: string,
): Promise<DeviceOutcome | null> {
  const { database, tables, backend } = store;
  const key = sortableId(isPushRecipient(tokenId) ? 'text' : backend.tokenId.kind, tokenId);
  const batches = await database.arrays(
    `SELECT seq, recipients, outcomes, trials, last_accepted_at FROM ${tables.batch}
      WHERE dispatch_id = ? AND first_id <= ? AND last_id >= ? ORDER BY seq LIMIT 100`,
    [dispatchId, key, key],
  );
  for (const [, recipients, outcomes, trials, lastAcceptedAt] of batches) {
    const index = indexOfRecipient(recipients as Buffer, tokenId);
    if (index === -1) continue;
    const batch = {
      dispatchId,
      tokenId,
      index,
      outcomes: outcomes as Buffer | null,
      trials: trials as string | null,
    };
    return outcomeInBatch({ ...batch, lastAcceptedAt }, await readRefusal(store, dispatchId, tokenId));
  }
  return null;
}

/** One recipient of a batch, as its row has it. */
export interface RecipientInBatch {
  readonly dispatchId: number;
  readonly tokenId: string;
  /** Place in the batch's list. */
  readonly index: number;
  readonly outcomes: Buffer | null;
  readonly trials: string | null;
  readonly lastAcceptedAt: unknown;
}

/** @param refusal status, reason, attempts, at and APNs timestamp, where `pushfleet_outcome` has a row of it */
export function outcomeInBatch(
  { dispatchId, tokenId, index, outcomes, trials, lastAcceptedAt }: RecipientInBatch,
  refusal: readonly unknown[] | undefined,
): DeviceOutcome {
  const byte = outcomes === null ? WAITING : outcomes[index]!;
  const told = { ...NOTHING, outcome: OUTCOMES[byte]!, apnsId: apnsId(dispatchId, tokenId) };
  if (byte === ACCEPTED) return { ...told, status: 200, at: isoTime(lastAcceptedAt) };
  if (byte === WAITING) return { ...told, ...waitingState(trials, index) };
  return { ...told, ...(refusal === undefined ? {} : refused(refusal)) };
}

function waitingState(trials: string | null, index: number): Partial<DeviceOutcome> {
  const trial = trials === null ? undefined : decodeProgress(trials).trials.get(index);
  if (trial === undefined) return { attempts: 0 };
  return {
    attempts: trial.attempts,
    reason: trial.reason,
    note: `tried again from ${new Date(trial.notBefore).toISOString()} on`,
  };
}

async function readRefusal(
  { database, tables }: Store,
  dispatchId: number,
  tokenId: string,
): Promise<unknown[] | undefined> {
  const rows = await database.arrays(
    `SELECT status, reason, attempts, at, apns_timestamp FROM ${tables.outcome} WHERE dispatch_id = ? AND token_id = ?`,
    [dispatchId, tokenId],
  );
  return rows[0];
}

function refused([status, reason, attempts, at, apnsTimestamp]: readonly unknown[]): Partial<DeviceOutcome> {
  return {
    status: Number(status),
    reason: String(reason),
    attempts: Number(attempts),
    at: isoTime(at),
    ...(apnsTimestamp !== null && {
      note: `APNs knew at ${isoTime(apnsTimestamp)} that the device token is no longer valid`,
    }),
  };
}

function asText(value: unknown): string | null {
  if (value === null || value === undefined) return null;
  return Buffer.isBuffer(value) ? value.toString('latin1') : String(value);
}
