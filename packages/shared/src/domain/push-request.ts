import { z } from 'zod';
import type { NotificationOptions } from './notification-options.ts';
import { PUSH_TYPES } from './push-types.ts';

/** The request that every recipient of a dispatch gets, frozen when it is claimed. */
export const pushRequestSchema = z.object({
  app: z.string(),
  topic: z.string(),
  environment: z.enum(['production', 'sandbox']),
  pushType: z.string(),
  priority: z.int(),
  /** `apns-expiration` in UNIX seconds; null leaves it to the deadline. */
  expiration: z.int().nullable(),
  /** Null: the dispatch's own, so that a repeat replaces the first on the screen. */
  collapseId: z.string().nullable(),
  /** JSON text, byte for byte as APNs gets it. */
  payload: z.string(),
  /** Of a push that an operator sends by hand alone: no row of the backend's holds its device token. */
  deviceToken: z.string().optional(),
});
export type PushRequest = z.output<typeof pushRequestSchema>;

/** What the row and its options say, before anything is checked. */
export interface RequestSource {
  /** Cut to 5,000 characters when read; `messageBytes` is its whole size in UTF-8. */
  readonly message: string | null;
  readonly messageBytes: number;
  readonly options: NotificationOptions;
}

/** The defaults of the app that the notification goes to. */
export interface AppDefaults {
  readonly app: string;
  readonly topic: string;
  readonly environment: 'production' | 'sandbox';
  readonly badge: number | null;
  readonly sound: string | null;
}

export type BuiltRequest =
  | { readonly ok: true; readonly request: PushRequest }
  | { readonly ok: false; readonly error: string };

/**
 * Builds the request, or says in a sentence why the row cannot be sent. Without any option the
 * payload is the old loop's: alert = message, badge 1, sound default (the app's defaults).
 */
export function buildPushRequest(source: RequestSource, defaults: AppDefaults): BuiltRequest {
  const { options } = source;
  const pushType = options.pushType ?? impliedPushType(options);
  const rule = PUSH_TYPES.get(pushType);
  if (rule === undefined)
    return invalid(
      `push type "${printable(pushType)}" is unknown; known are ${[...PUSH_TYPES.keys()].join(', ')}`,
    );
  if (source.messageBytes > rule.maxPayloadBytes)
    return invalid(
      `the message alone has ${source.messageBytes} bytes; APNs takes ${rule.maxPayloadBytes} bytes of payload`,
    );
  const payload = buildPayload(source, defaults, pushType);
  if (typeof payload === 'string') return invalid(payload);
  const text = JSON.stringify(payload);
  const bytes = Buffer.byteLength(text);
  if (bytes > rule.maxPayloadBytes)
    return invalid(`the payload has ${bytes} bytes; APNs takes ${rule.maxPayloadBytes} for ${pushType}`);
  const priority = options.priority ?? rule.defaultPriority;
  if (rule.refusedPriorities?.includes(priority))
    return invalid(`priority ${priority} is not allowed for push type ${pushType}`);
  if (options.collapseId !== undefined && Buffer.byteLength(options.collapseId) > 64)
    return invalid(`the collapse id has ${Buffer.byteLength(options.collapseId)} bytes; APNs takes 64`);
  if (options.collapseId !== undefined && !/^[\x20-\x7e]+$/.test(options.collapseId))
    return invalid('the collapse id has characters that a header cannot carry; use printable ASCII');
  // RFC 9113, 8.2.1: a strict server resets such a request.
  if (options.collapseId !== undefined && options.collapseId.trim() !== options.collapseId)
    return invalid('the collapse id begins or ends with a blank, which a header cannot carry; leave it out');
  const topic = defaults.topic.endsWith(rule.topicSuffix)
    ? defaults.topic
    : defaults.topic + rule.topicSuffix;
  return {
    ok: true,
    request: {
      app: defaults.app,
      topic,
      environment: defaults.environment,
      pushType,
      priority,
      expiration: expirationSeconds(options.expiry),
      collapseId: options.collapseId ?? null,
      payload: text,
    },
  };
}

/** `apns-expiration` of an expiry: UNIX seconds, or null when none was given. */
export function expirationSeconds(expiry: NotificationOptions['expiry']): number | null {
  if (expiry === undefined) return null;
  return typeof expiry === 'number' ? expiry : Math.floor(Date.parse(expiry) / 1000);
}

/**
 * `apns-collapse-id` of a dispatch that has none of its own: a repeat, should the answer to the first
 * be lost, then replaces the first on the screen.
 *
 * @param fleet name of the installation, so that two of them never replace each other's pushes
 */
export function defaultCollapseId(fleet: string, dispatchId: number): string {
  return `pf-${fleet}-${dispatchId}`;
}

function impliedPushType(options: NotificationOptions): string {
  const aps = options.payload?.aps;
  const isContent = typeof aps === 'object' && aps !== null && 'content-available' in aps;
  return isContent && !('alert' in aps || 'badge' in aps || 'sound' in aps) ? 'background' : 'alert';
}

/** The payload object, or a sentence about what is missing. */
function buildPayload(
  source: RequestSource,
  defaults: AppDefaults,
  pushType: string,
): Record<string, unknown> | string {
  const { options } = source;
  const custom = options.payload ?? {};
  if ('aps' in custom) {
    if (typeof custom.aps !== 'object' || custom.aps === null || Array.isArray(custom.aps))
      return 'the payload has an "aps" that is no object';
    return custom;
  }
  if (pushType === 'background') return { aps: { 'content-available': 1 }, ...custom };
  const message = source.message ?? '';
  if (message.trim() === '' && options.title === undefined) return 'the message is empty';
  const aps = withoutUndefined({
    alert: alertOf(message, options),
    badge: (options.badge === undefined ? defaults.badge : options.badge) ?? undefined,
    sound: (options.sound === undefined ? defaults.sound : options.sound) ?? undefined,
    'thread-id': options.threadId,
    category: options.category,
  });
  return { aps, ...custom };
}

function alertOf(message: string, options: NotificationOptions): unknown {
  if (options.title === undefined && options.subtitle === undefined) return message;
  return withoutUndefined({ title: options.title, subtitle: options.subtitle, body: message || undefined });
}

function withoutUndefined(object: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined));
}

function invalid(error: string): BuiltRequest {
  return { ok: false, error };
}

function printable(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, '?').slice(0, 60);
}
