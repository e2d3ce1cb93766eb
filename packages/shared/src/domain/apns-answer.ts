/**
 * What one APNs answer means for the notification, its device token and the connection.
 * Pure. The table is the whole policy, in the order of Apple's table ("Handling notification
 * responses from APNs"): change policy there and nowhere else.
 */

/** What came of one request. `sent: 'no'`: APNs certainly did not act on it, so a resend is free. */
export type ApnsAnswer =
  | {
      readonly answered: true;
      readonly status: number;
      /** Apple's reason, empty for 200. */
      readonly reason: string;
      /** Milliseconds since 1970: when APNs found the device token invalid (410 only). */
      readonly timestamp?: number;
      /** Milliseconds to wait, from the Retry-After header. */
      readonly retryAfterMs?: number;
    }
  | { readonly answered: false; readonly sent: 'no' | 'unknown'; readonly detail: string };

/**
 * - `accepted`, `rejected`, `retired`: final for this recipient.
 * - `retry`: try this recipient again later; costs an attempt.
 * - `resend`: try again on another connection; costs nothing.
 * - `stop`: our credential or topic is at fault. Nobody pays with an attempt; the app stops and probes.
 */
export type Verdict = 'accepted' | 'rejected' | 'retired' | 'retry' | 'resend' | 'stop';

interface ReasonPolicy {
  readonly status: number;
  readonly verdict: Verdict;
  /** The connection that gave this answer takes no further request. */
  readonly replaceConnection?: true;
}

export const REASON_POLICIES: ReadonlyMap<string, ReasonPolicy> = new Map<string, ReasonPolicy>([
  ['BadCollapseId', { status: 400, verdict: 'rejected' }],
  // Often just the wrong environment: no proof that the device token is dead.
  ['BadDeviceToken', { status: 400, verdict: 'rejected' }],
  ['BadExpirationDate', { status: 400, verdict: 'rejected' }],
  ['BadMessageId', { status: 400, verdict: 'rejected' }],
  ['BadPriority', { status: 400, verdict: 'rejected' }],
  ['BadTopic', { status: 400, verdict: 'rejected' }],
  ['DeviceTokenNotForTopic', { status: 400, verdict: 'rejected' }],
  ['DuplicateHeaders', { status: 400, verdict: 'rejected' }],
  ['IdleTimeout', { status: 400, verdict: 'resend', replaceConnection: true }],
  ['InvalidPushType', { status: 400, verdict: 'rejected' }],
  ['MissingDeviceToken', { status: 400, verdict: 'rejected' }],
  ['MissingTopic', { status: 400, verdict: 'rejected' }],
  ['PayloadEmpty', { status: 400, verdict: 'rejected' }],
  ['TopicDisallowed', { status: 400, verdict: 'stop' }],
  ['BadCertificate', { status: 403, verdict: 'stop', replaceConnection: true }],
  ['BadCertificateEnvironment', { status: 403, verdict: 'stop', replaceConnection: true }],
  // Such a connection stays wedged: a fresh provider token counts only on a new one.
  ['ExpiredProviderToken', { status: 403, verdict: 'resend', replaceConnection: true }],
  ['Forbidden', { status: 403, verdict: 'stop' }],
  ['InvalidProviderToken', { status: 403, verdict: 'stop', replaceConnection: true }],
  ['MissingProviderToken', { status: 403, verdict: 'stop', replaceConnection: true }],
  ['UnrelatedKeyIdInToken', { status: 403, verdict: 'resend', replaceConnection: true }],
  ['BadEnvironmentKeyIdInToken', { status: 403, verdict: 'stop', replaceConnection: true }],
  // The same answer in another spelling, seen in the wild.
  ['BadEnvironmentKeyInToken', { status: 403, verdict: 'stop', replaceConnection: true }],
  ['BadPath', { status: 404, verdict: 'rejected' }],
  ['MethodNotAllowed', { status: 405, verdict: 'rejected' }],
  ['ExpiredToken', { status: 410, verdict: 'retired' }],
  ['Unregistered', { status: 410, verdict: 'retired' }],
  ['PayloadTooLarge', { status: 413, verdict: 'rejected' }],
  ['TooManyProviderTokenUpdates', { status: 429, verdict: 'stop', replaceConnection: true }],
  ['TooManyRequests', { status: 429, verdict: 'retry' }],
  ['InternalServerError', { status: 500, verdict: 'retry' }],
  ['ServiceUnavailable', { status: 503, verdict: 'retry' }],
  // A server that leaves, like GOAWAY: any other connection will do.
  ['Shutdown', { status: 503, verdict: 'resend', replaceConnection: true }],
]);

/** The verdict over one answer. An unknown reason goes by its status class and never retires. */
export function judge(answer: ApnsAnswer): Verdict {
  // No answer does not mean not sent: a resend may reach a device twice, a give-up never.
  if (!answer.answered) return 'resend';
  if (answer.status === 200) return 'accepted';
  const policy = REASON_POLICIES.get(answer.reason);
  if (policy !== undefined && policy.status === answer.status) return policy.verdict;
  // 403 is about who we are, never about one device: a reason that Apple adds must not reject a whole campaign.
  if (answer.status === 403) return 'stop';
  if (answer.status >= 500 || answer.status === 429) return 'retry';
  // Apple always says why. Who does not is another server, or a box in between: it knows nothing of our recipients.
  return answer.reason === '' && answer.status !== 410 ? 'stop' : 'rejected';
}

/** Whether APNs says that it cannot serve at the moment: nothing about the recipient, unless it says so for long. */
export function isServerError(answer: ApnsAnswer): boolean {
  return answer.answered && answer.status >= 500;
}

/** Whether the connection that gave this answer must take no further request. */
export function mustReplaceConnection(answer: ApnsAnswer): boolean {
  return answer.answered && REASON_POLICIES.get(answer.reason)?.replaceConnection === true;
}
