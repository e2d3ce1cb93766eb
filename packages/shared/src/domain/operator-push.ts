import { deviceTokenDigest } from './device-token.ts';

/**
 * A push that an operator sends by hand (`pushfleet send`) has no row of the backend's: its dispatch belongs to
 * no notification, and its only recipient has an id that is made of the device token instead of a row.
 */
const RECIPIENT = 'pushfleet-send-';

/** Stands where a batch has the id of a token's row; a text, so that no id of a row is like it. */
export function pushRecipientId(deviceToken: string): string {
  return RECIPIENT + deviceTokenDigest(deviceToken);
}

export function isPushRecipient(id: string): boolean {
  return id.startsWith(RECIPIENT);
}

/** What stands for the notification's id wherever people see one. */
export function pushName(dispatchId: number): string {
  return `push-${dispatchId}`;
}

/** The dispatch that such a name stands for; null for every other id. */
export function pushDispatch(name: string): number | null {
  const match = /^push-(\d{1,15})$/.exec(name.trim());
  return match === null ? null : Number(match[1]);
}
