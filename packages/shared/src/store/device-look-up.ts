import { normalizeDeviceToken, whyMalformed } from '../domain/device-token.ts';
import { type DeviceNotification, readDeviceHistory } from './device-history.ts';
import { type DeviceRow, findDeviceRows, readStoredDeviceToken } from './device-outcome.ts';
import { type DeviceRetirement, readDeviceRetirements } from './device-retirements.ts';
import { givenId } from './given-id.ts';
import type { Store } from './store.ts';

/** What `pushfleet device T --json` prints and the board shows. It holds no device token. */
export interface DeviceDocument {
  readonly active: boolean;
  /** Rows of the backend with this device token; several where it stands there in several spellings. */
  readonly rows: readonly (DeviceRow & { readonly retirement: DeviceRetirement | null })[];
  readonly notifications: readonly DeviceNotification[];
}

/** Found, or why not in a sentence without the device token; `isUsage`: what was given can be neither. */
export type DeviceLookUp =
  | { readonly ok: true; readonly device: DeviceDocument }
  | { readonly ok: false; readonly why: string; readonly isUsage: boolean };

/**
 * Looks one device up.
 *
 * @param value a device token in any spelling (longer than any id), or the id of its row
 * @param sinceMs how far back its notifications are looked for
 */
export async function lookUpDevice(store: Store, value: string, sinceMs: number): Promise<DeviceLookUp> {
  const given = await givenDeviceToken(store, value);
  if (!given.ok) return given;
  const rows = await findDeviceRows(store, given.deviceToken);
  const retirements = await readDeviceRetirements(store, rows);
  const notifications = await readDeviceHistory(store, given.deviceToken, rows, Date.now() - sinceMs);
  if (rows.length === 0 && notifications.length === 0)
    return no(
      "no row of the backend's table holds this device token, and nothing was sent to it; is it the device token of this app and environment?",
    );
  return {
    ok: true,
    device: {
      active: rows.some(({ active }) => active),
      rows: rows.map((row) => ({ ...row, retirement: retirements.get(row.tokenId) ?? null })),
      notifications,
    },
  };
}

type Given = { readonly ok: true; readonly deviceToken: string } | (DeviceLookUp & { readonly ok: false });

async function givenDeviceToken(store: Store, value: string): Promise<Given> {
  const deviceToken = normalizeDeviceToken(value);
  if (deviceToken !== null) return { ok: true, deviceToken };
  const id = givenId(store.backend.tokenId, value);
  if (id === null)
    return no('this is neither a device token (64 hex digits or more) nor the id of its row', true);
  const stored = await readStoredDeviceToken(store, id);
  if (stored === undefined) return no(`there is no row ${id} in the backend's table of device tokens`);
  const ofRow = normalizeDeviceToken(stored);
  return ofRow === null
    ? no(`row ${id} holds no device token that could be sent to: ${whyMalformed(stored)}`)
    : { ok: true, deviceToken: ofRow };
}

function no(why: string, isUsage = false): DeviceLookUp & { readonly ok: false } {
  return { ok: false, why, isUsage };
}
