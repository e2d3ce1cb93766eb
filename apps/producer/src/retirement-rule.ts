import { deviceTokenDigest, normalizeDeviceToken } from '@pushfleet/shared/domain/device-token';
import { latestInstant, utcInstant } from '@pushfleet/shared/domain/wall-time';
import type {
  EarlierRetirement,
  PendingRetirement,
  RetirementDecision,
  TokenRow,
} from '@pushfleet/shared/store/retirements';

/**
 * Whether a device token that APNs called dead is switched off. APNs' timestamp says when it was found
 * dead; an app that registered it again since then has it alive ("Handling notification responses from APNs").
 *
 * @param earlier when this device token was switched off or restored before, by us
 * @param zone of the backend's registered-at column
 */
export function decideRetirement(
  retirement: Pick<PendingRetirement, 'digest' | 'apnsTimestamp'>,
  row: TokenRow,
  earlier: readonly EarlierRetirement[],
  zone: string,
): RetirementDecision {
  const deviceToken = normalizeDeviceToken(row.deviceToken);
  if (deviceToken === null || deviceTokenDigest(deviceToken) !== retirement.digest)
    return { state: 'kept', note: 'the row holds another device token now' };
  if (!row.active) return { state: 'kept', note: 'it was switched off already' };
  const deadSince = retirement.apnsTimestamp === null ? null : utcInstant(retirement.apnsTimestamp);
  if (deadSince === null) return { state: 'applied', note: '' };
  const registeredAt = row.registeredAt === null ? null : latestInstant(row.registeredAt, zone);
  // A DATETIME without fractions may have been cut by up to a second.
  if (registeredAt !== null && registeredAt + 1_000 > deadSince)
    return { state: 'kept', note: 'it was registered again after APNs found it dead' };
  // Without that column: switched off by us before and active again means that somebody brought it back.
  if (earlier.some(({ at }) => utcInstant(at) > deadSince))
    return { state: 'kept', note: 'it was brought back after APNs found it dead' };
  return { state: 'applied', note: '' };
}
