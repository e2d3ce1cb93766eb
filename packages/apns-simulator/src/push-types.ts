/**
 * The push types of Apple's "Sending notification requests to APNs": which suffix their topic carries
 * and how large their payload may be. No suffix rule for `mdm`: its topic is the UID of a certificate.
 */
const TOPIC_SUFFIX_BY_PUSH_TYPE: ReadonlyMap<string, string> = new Map([
  ['alert', ''],
  ['background', ''],
  ['location', '.location-query'],
  ['voip', '.voip'],
  ['complication', '.complication'], // fits both spellings in Apple's pages, with and without `.h`
  ['fileprovider', '.pushkit.fileprovider'],
  ['mdm', ''],
  ['liveactivity', '.push-type.liveactivity'],
  ['pushtotalk', '.voip-ptt'],
  ['widgets', '.push-type.widgets'],
  ['controls', '.push-type.controls'],
]);

const SUFFIXES: readonly string[] = [...TOPIC_SUFFIX_BY_PUSH_TYPE.values()].filter((suffix) => suffix !== '');

/** The largest payload of any push type, in bytes: what a receiver must be able to hold. */
export const LARGEST_PAYLOAD_BYTES = 5120;

/** Whether Apple's list has this `apns-push-type`. */
export function isPushType(pushType: string): boolean {
  return TOPIC_SUFFIX_BY_PUSH_TYPE.has(pushType);
}

/** Payload limit in bytes of UTF-8: 5120 for VoIP, 4096 for all others. */
export function payloadLimitBytes(pushType: string | undefined): number {
  return pushType === 'voip' ? LARGEST_PAYLOAD_BYTES : 4096;
}

/** Whether the topic ends as the push type demands; alert and background topics end in no suffix at all. */
export function topicFitsPushType(topic: string, pushType: string): boolean {
  if (pushType === 'mdm') return true;
  const suffix = TOPIC_SUFFIX_BY_PUSH_TYPE.get(pushType) ?? '';
  return suffix === '' ? suffixOf(topic) === '' : topic.endsWith(suffix) && topic.length > suffix.length;
}

/** The topic without the suffix of its push type: the bundle id. */
export function bundleIdOf(topic: string): string {
  const suffix = suffixOf(topic);
  const bundleId = topic.slice(0, topic.length - suffix.length);
  return suffix === '.complication' && bundleId.endsWith('.h') ? bundleId.slice(0, -2) : bundleId;
}

function suffixOf(topic: string): string {
  for (const suffix of SUFFIXES) if (topic.endsWith(suffix)) return suffix;
  return '';
}
