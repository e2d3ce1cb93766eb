/** An answer of APNs other than 200: status, reason, and what some of them carry beside it. */
export interface Refusal {
  readonly status: number;
  /** Apple's reason; '' for an answer without a body. */
  readonly reason: string;
  /** Milliseconds since 1970: when APNs knew that the device token is no longer valid (410 only). */
  readonly timestampMs?: number | undefined;
  /** Seconds, sent as `retry-after`. */
  readonly retryAfterSeconds?: number | undefined;
}

/** The refusals that the simulator finds by itself, without a script. */
export const REFUSALS = {
  badCollapseId: { status: 400, reason: 'BadCollapseId' },
  badDeviceToken: { status: 400, reason: 'BadDeviceToken' },
  badExpirationDate: { status: 400, reason: 'BadExpirationDate' },
  badMessageId: { status: 400, reason: 'BadMessageId' },
  badPriority: { status: 400, reason: 'BadPriority' },
  badTopic: { status: 400, reason: 'BadTopic' },
  deviceTokenNotForTopic: { status: 400, reason: 'DeviceTokenNotForTopic' },
  duplicateHeaders: { status: 400, reason: 'DuplicateHeaders' },
  invalidPushType: { status: 400, reason: 'InvalidPushType' },
  missingDeviceToken: { status: 400, reason: 'MissingDeviceToken' },
  missingTopic: { status: 400, reason: 'MissingTopic' },
  payloadEmpty: { status: 400, reason: 'PayloadEmpty' },
  topicDisallowed: { status: 400, reason: 'TopicDisallowed' },
  expiredProviderToken: { status: 403, reason: 'ExpiredProviderToken' },
  invalidProviderToken: { status: 403, reason: 'InvalidProviderToken' },
  missingProviderToken: { status: 403, reason: 'MissingProviderToken' },
  unrelatedKeyIdInToken: { status: 403, reason: 'UnrelatedKeyIdInToken' },
  badPath: { status: 404, reason: 'BadPath' },
  methodNotAllowed: { status: 405, reason: 'MethodNotAllowed' },
  payloadTooLarge: { status: 413, reason: 'PayloadTooLarge' },
  tooManyProviderTokenUpdates: { status: 429, reason: 'TooManyProviderTokenUpdates' },
} as const satisfies Record<string, Refusal>;
