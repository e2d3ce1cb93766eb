import type { IncomingHttpHeaders } from 'node:http2';
import {
  type ProviderTokenBinding,
  ProviderTokenCheck,
  type ProviderTokenRules,
} from './provider-token-check.ts';
import { bundleIdOf, isPushType, payloadLimitBytes, topicFitsPushType } from './push-types.ts';
import { REFUSALS, type Refusal } from './refusals.ts';

/** One request as it came, its body counted. */
export interface PushRequest {
  readonly headers: IncomingHttpHeaders;
  /** Names and values by turns, to see what was sent twice. */
  readonly rawHeaders: readonly string[] | undefined;
  readonly payloadBytes: number;
}

/** What the checks know of a connection and bind to it. */
export interface CheckedConnection {
  /** Topic of the client certificate; `undefined` without certificate, '' if it names none. */
  readonly certificateTopic: string | undefined;
  providerToken: ProviderTokenBinding | undefined;
}

const DEVICE_PATH = '/3/device/';
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const TOPIC = /^[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*$/;
const DEVICE_TOKEN = /^(?:[0-9a-fA-F]{2}){32,100}$/;
const MAX_COLLAPSE_ID_BYTES = 64;

/** Checks requests in the order of Apple's list; the first fault is the answer. */
export class RequestChecks {
  private readonly providerTokens: ProviderTokenCheck;
  private readonly topics: ReadonlySet<string> | undefined;

  /** `topics`: bundle ids or whole topics that may be pushed to; `undefined` allows any. */
  constructor(rules: ProviderTokenRules, topics: readonly string[] | undefined) {
    this.providerTokens = new ProviderTokenCheck(rules);
    this.topics = topics === undefined ? undefined : new Set(topics);
  }

  /** Returns what is wrong first, or `undefined` for a good request. `nowMs`: milliseconds since 1970. */
  refusalOf(request: PushRequest, connection: CheckedConnection, nowMs: number): Refusal | undefined {
    return (
      pathRefusal(request.headers) ??
      headerRefusal(request) ??
      this.authorizationRefusal(request.headers, connection, nowMs) ??
      this.topicRefusal(request.headers, connection) ??
      payloadRefusal(request) ??
      deviceTokenRefusal(deviceTokenOf(request.headers))
    );
  }

  private authorizationRefusal(
    headers: IncomingHttpHeaders,
    connection: CheckedConnection,
    nowMs: number,
  ): Refusal | undefined {
    if (connection.certificateTopic !== undefined) return undefined; // Apple ignores the header here
    const found = this.providerTokens.check(headers.authorization, connection.providerToken, nowMs);
    if (found !== undefined && 'status' in found) return found;
    connection.providerToken = found;
    return undefined;
  }

  private topicRefusal(headers: IncomingHttpHeaders, connection: CheckedConnection): Refusal | undefined {
    const topic = topicOf(headers, connection);
    if (topic === '') return REFUSALS.missingTopic;
    if (!TOPIC.test(topic)) return REFUSALS.badTopic;
    if (this.topics !== undefined && !this.topics.has(topic) && !this.topics.has(bundleIdOf(topic))) {
      return REFUSALS.topicDisallowed;
    }
    const pushType = headerOf(headers, 'apns-push-type');
    if (pushType === undefined) return undefined; // required by watchOS 6, and no fault that APNs reports
    if (!isPushType(pushType)) return REFUSALS.invalidPushType;
    return topicFitsPushType(topic, pushType) ? undefined : REFUSALS.deviceTokenNotForTopic;
  }
}

/** The last part of the path, as it was sent; '' if the path is another one. */
export function deviceTokenOf(headers: IncomingHttpHeaders): string {
  const path = headers[':path'] ?? '';
  return path.startsWith(DEVICE_PATH) ? path.slice(DEVICE_PATH.length) : '';
}

/** `apns-topic`, or else the topic of the client certificate, or ''. */
export function topicOf(headers: IncomingHttpHeaders, connection: CheckedConnection): string {
  return headerOf(headers, 'apns-topic') ?? connection.certificateTopic ?? '';
}

/** An `apns-` header; `undefined` if it was not sent. */
export function headerOf(headers: IncomingHttpHeaders, name: string): string | undefined {
  return headers[name] as string | undefined;
}

/** Whether this is a UUID in the canonical, lower-case form that `apns-id` must have. */
export function isUuid(apnsId: string): boolean {
  return UUID.test(apnsId);
}

function pathRefusal(headers: IncomingHttpHeaders): Refusal | undefined {
  const path = headers[':path'] ?? '';
  const isDevicePath = path.startsWith(DEVICE_PATH) && !path.includes('/', DEVICE_PATH.length);
  if (!isDevicePath && path !== '/3/device') return REFUSALS.badPath;
  if (headers[':method'] !== 'POST') return REFUSALS.methodNotAllowed;
  return path.length <= DEVICE_PATH.length ? REFUSALS.missingDeviceToken : undefined;
}

function headerRefusal({ headers, rawHeaders }: PushRequest): Refusal | undefined {
  if (rawHeaders !== undefined && hasDuplicates(rawHeaders)) return REFUSALS.duplicateHeaders;
  const apnsId = headerOf(headers, 'apns-id');
  if (apnsId !== undefined && !isUuid(apnsId)) return REFUSALS.badMessageId;
  const expiration = headerOf(headers, 'apns-expiration');
  if (expiration !== undefined && !/^\d{1,10}$/.test(expiration)) return REFUSALS.badExpirationDate;
  // Absent means 10, and 10 is an error for background pushes.
  const priority = headerOf(headers, 'apns-priority') ?? '10';
  if (priority !== '10' && priority !== '5' && priority !== '1') return REFUSALS.badPriority;
  if (priority === '10' && headers['apns-push-type'] === 'background') return REFUSALS.badPriority;
  const collapseId = headerOf(headers, 'apns-collapse-id');
  // Node reads header values as Latin-1: the length is the number of bytes.
  const isTooLong = collapseId !== undefined && collapseId.length > MAX_COLLAPSE_ID_BYTES;
  return isTooLong ? REFUSALS.badCollapseId : undefined;
}

/** `apns-` headers and `authorization`; the others may be lists. */
function hasDuplicates(rawHeaders: readonly string[]): boolean {
  for (let at = 2; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at]!;
    if (!name.startsWith('apns-') && name !== 'authorization') continue;
    for (let earlier = 0; earlier < at; earlier += 2) if (rawHeaders[earlier] === name) return true;
  }
  return false;
}

function payloadRefusal({ headers, payloadBytes }: PushRequest): Refusal | undefined {
  if (payloadBytes === 0) return REFUSALS.payloadEmpty;
  const limit = payloadLimitBytes(headerOf(headers, 'apns-push-type'));
  return payloadBytes > limit ? REFUSALS.payloadTooLarge : undefined;
}

function deviceTokenRefusal(deviceToken: string): Refusal | undefined {
  return DEVICE_TOKEN.test(deviceToken) ? undefined : REFUSALS.badDeviceToken;
}
