import { normalizeDeviceToken } from './device-token.ts';
import { InvalidNotificationError } from './errors.ts';

/** A push notification and its audience. */
export interface NotificationInput {
  /** Text of the alert. May be left out with a title, with a whole `aps` in `payload`, or for background pushes. */
  readonly message?: string;
  /** Device tokens as hex, in any usual spelling; the backend's table must hold them. */
  readonly deviceTokens?: readonly string[];
  /** Ids of the backend's token groups. */
  readonly tokenGroups?: readonly (number | string)[];
  /** When it is due; now if left out. */
  readonly at?: Date;
  /** Only for tables whose id is not AUTO_INCREMENT: the id of the new row, as its column takes it. */
  readonly id?: number | string | Buffer;
  /** Makes a repeated call return the first one's id, whatever else it says. */
  readonly key?: string;
  readonly title?: string;
  readonly subtitle?: string;
  /** Null sends none; left out it is the app's default. */
  readonly badge?: number | null;
  readonly sound?: string | null;
  /** Custom keys beside `aps`, or a whole payload when it holds `aps`. */
  readonly payload?: { readonly [key: string]: unknown };
  readonly pushType?: string;
  readonly topic?: string;
  readonly app?: string;
  readonly priority?: 1 | 5 | 10;
  /** Not worth delivering afterwards; a Date or UNIX seconds, 0 for one try. */
  readonly expiry?: Date | number;
  /** At most 64 bytes; a later push with the same one replaces this one on the screen. */
  readonly collapseId?: string;
  readonly threadId?: string;
  readonly category?: string;
  readonly lane?: 'urgent' | 'bulk';
  /** Stores device tokens that the backend's table does not hold, as active ones. */
  readonly registerUnknown?: boolean;
}

/** What a notification says beside its message, in the form of `pushfleet_request.options`. */
export type Options = { [Name in (typeof OPTION_NAMES)[number]]?: string | number | object | null };

export const OPTION_NAMES = [
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
  'key',
] as const;

const OTHER_NAMES = ['message', 'deviceTokens', 'tokenGroups', 'at', 'id', 'registerUnknown'];

/** A notification that was checked. */
export interface CheckedNotification {
  readonly message: string;
  /** Normalised, each once. */
  readonly deviceTokens: readonly string[];
  readonly tokenGroups: readonly (number | string)[];
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly id: number | string | Buffer | undefined;
  readonly options: Options;
  readonly registerUnknown: boolean;
}

/** Payloads are at most this large; VoIP's 5,120 are the most there is. */
const MAX_PAYLOAD_BYTES = 5_120;

/** @throws InvalidNotificationError listing all faults */
export function checkNotification(input: NotificationInput): CheckedNotification {
  const faults: string[] = [];
  const known: readonly string[] = [...OPTION_NAMES, ...OTHER_NAMES];
  for (const name of Object.keys(input)) if (!known.includes(name)) faults.push(`"${name}" is unknown`);
  const deviceTokens = checkDeviceTokens(input.deviceTokens ?? [], faults);
  const tokenGroups = [...new Set(input.tokenGroups ?? [])];
  if (deviceTokens.length === 0 && tokenGroups.length === 0 && faults.length === 0)
    faults.push('it has no audience: give deviceTokens, tokenGroups or both');
  const at = input.at === undefined ? Date.now() : Number(input.at);
  if (!(input.at === undefined || input.at instanceof Date) || Number.isNaN(at)) faults.push('at is no Date');
  checkTexts(input, faults);
  checkValues(input, faults);
  if (faults.length > 0) throw new InvalidNotificationError(faults);
  return {
    message: input.message ?? '',
    deviceTokens,
    tokenGroups,
    at,
    id: input.id,
    options: optionsOf(input),
    registerUnknown: input.registerUnknown === true,
  };
}

function checkDeviceTokens(given: readonly string[], faults: string[]): string[] {
  const deviceTokens = new Set<string>();
  let malformed = 0;
  for (const deviceToken of given) {
    const normalised = typeof deviceToken === 'string' ? normalizeDeviceToken(deviceToken) : null;
    if (normalised === null) malformed++;
    else deviceTokens.add(normalised);
  }
  if (malformed > 0)
    faults.push(`${malformed} of ${given.length} device tokens are no hexadecimal text of 64 digits or more`);
  return [...deviceTokens];
}

function checkTexts(input: NotificationInput, faults: string[]): void {
  const texts = [
    'message',
    'title',
    'subtitle',
    'pushType',
    'topic',
    'app',
    'collapseId',
    'threadId',
    'category',
    'key',
  ] as const;
  for (const name of texts)
    if (input[name] !== undefined && typeof input[name] !== 'string') faults.push(`${name} is no text`);
  const { message = '', title, payload, pushType } = input;
  const needsMessage = title === undefined && pushType !== 'background' && !(payload && 'aps' in payload);
  if (needsMessage && String(message).trim() === '') faults.push('the message is empty');
  if (Buffer.byteLength(String(message)) > MAX_PAYLOAD_BYTES)
    faults.push(`the message alone is larger than the ${MAX_PAYLOAD_BYTES} bytes that APNs takes`);
  const { collapseId, key } = input;
  if (typeof collapseId === 'string' && !/^[\x20-\x7e]{1,64}$/.test(collapseId))
    faults.push('collapseId must be 1 to 64 printable ASCII characters');
  if (typeof key === 'string' && (key === '' || key.length > 190))
    faults.push('key must be 1 to 190 characters');
}

function checkValues(
  { badge, sound, priority, lane, expiry, payload }: NotificationInput,
  faults: string[],
): void {
  if (badge !== undefined && badge !== null && !(Number.isInteger(badge) && badge >= 0))
    faults.push('badge is no whole number from 0 on, and not null');
  if (sound !== undefined && sound !== null && typeof sound !== 'string') faults.push('sound is no text');
  if (priority !== undefined && ![1, 5, 10].includes(priority)) faults.push('priority must be 1, 5 or 10');
  if (lane !== undefined && lane !== 'urgent' && lane !== 'bulk') faults.push('lane must be urgent or bulk');
  if (expiry !== undefined && !isExpiry(expiry)) faults.push('expiry must be a Date or whole UNIX seconds');
  if (payload === undefined) return;
  const text = jsonOf(payload);
  if (text === null || typeof payload !== 'object' || Array.isArray(payload))
    faults.push('payload is no object that JSON can hold');
  else if (Buffer.byteLength(text) > MAX_PAYLOAD_BYTES)
    faults.push(`the payload is larger than the ${MAX_PAYLOAD_BYTES} bytes that APNs takes`);
}

function isExpiry(expiry: unknown): boolean {
  if (expiry instanceof Date) return !Number.isNaN(expiry.getTime());
  return Number.isInteger(expiry) && (expiry as number) >= 0;
}

function jsonOf(value: unknown): string | null {
  try {
    return JSON.stringify(value) ?? null;
  } catch {
    return null;
  }
}

function optionsOf(input: NotificationInput): Options {
  const options: Options = {};
  for (const name of OPTION_NAMES) {
    const value = input[name];
    if (value !== undefined)
      options[name] = value instanceof Date ? Math.floor(value.getTime() / 1000) : value;
  }
  return options;
}
