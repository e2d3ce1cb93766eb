/**
 * APNs' push types: what follows the bundle id in the topic, and how large a payload may be
 * ("Sending notification requests to APNs"). A type that Apple adds later is not known here and
 * is refused before it is sent: APNs would drop or refuse it for every recipient.
 */
interface PushTypeRule {
  readonly topicSuffix: string;
  readonly maxPayloadBytes: number;
  readonly defaultPriority: 5 | 10;
  /** Priorities that APNs refuses for this type. */
  readonly refusedPriorities?: readonly number[];
}

export const PUSH_TYPES: ReadonlyMap<string, PushTypeRule> = new Map<string, PushTypeRule>([
  ['alert', { topicSuffix: '', maxPayloadBytes: 4096, defaultPriority: 10 }],
  ['background', { topicSuffix: '', maxPayloadBytes: 4096, defaultPriority: 5, refusedPriorities: [10] }],
  ['voip', { topicSuffix: '.voip', maxPayloadBytes: 5120, defaultPriority: 10 }],
  ['complication', { topicSuffix: '.complication', maxPayloadBytes: 4096, defaultPriority: 10 }],
  ['fileprovider', { topicSuffix: '.pushkit.fileprovider', maxPayloadBytes: 4096, defaultPriority: 10 }],
  ['mdm', { topicSuffix: '', maxPayloadBytes: 4096, defaultPriority: 10 }],
  ['location', { topicSuffix: '.location-query', maxPayloadBytes: 4096, defaultPriority: 10 }],
  ['liveactivity', { topicSuffix: '.push-type.liveactivity', maxPayloadBytes: 4096, defaultPriority: 10 }],
  ['pushtotalk', { topicSuffix: '.voip-ptt', maxPayloadBytes: 4096, defaultPriority: 10 }],
  ['widgets', { topicSuffix: '.push-type.widgets', maxPayloadBytes: 4096, defaultPriority: 5 }],
  ['controls', { topicSuffix: '.push-type.controls', maxPayloadBytes: 4096, defaultPriority: 5 }],
]);
