import { apnsId } from '@pushfleet/shared/domain/apns-id';
import { MALFORMED_DEVICE_TOKEN, normalizeDeviceToken } from '@pushfleet/shared/domain/device-token';
import { REJECTED } from '@pushfleet/shared/domain/outcomes';
import { encodeRecipients, type IdKind, idRange } from '@pushfleet/shared/domain/recipient-list';
import type { AudienceMember } from '@pushfleet/shared/store/audience';
import type { AudienceCounts, PlannedBatch } from '@pushfleet/shared/store/plans';

export const NO_COUNTS: AudienceCounts = {
  directMembers: 0,
  tokenGroups: 0,
  inactive: 0,
  duplicates: 0,
  malformed: 0,
  otherApp: 0,
  recipients: 0,
};

/** Members that become recipients, and those that do not, with the reason counted. */
export interface SortedMembers {
  readonly recipients: { readonly tokenId: string; readonly malformed: boolean }[];
  /** Ids left out because their device token is in the audience already. */
  readonly twins: string[];
  readonly counts: AudienceCounts;
}

/**
 * Sorts members: inactive ones and those of other apps are left out, equal device tokens count once.
 * A malformed device token makes a recipient too: one that is rejected, so that somebody sees it.
 *
 * @param take false when this normalised device token is in the audience already
 */
export function sortMembers(
  members: readonly AudienceMember[],
  take: (deviceToken: string) => boolean,
  before: AudienceCounts,
): SortedMembers {
  const recipients: SortedMembers['recipients'] = [];
  const twins: string[] = [];
  let { inactive, duplicates, malformed, otherApp } = before;
  for (const { tokenId, deviceToken: stored, active, ofApp } of members) {
    if (!active) inactive++;
    else if (!ofApp) otherApp++;
    else {
      const deviceToken = normalizeDeviceToken(stored);
      if (deviceToken === null) {
        if (!take(malformedKey(tokenId))) continue;
        malformed++;
        recipients.push({ tokenId, malformed: true });
      } else if (take(deviceToken)) recipients.push({ tokenId, malformed: false });
      else {
        duplicates++;
        twins.push(tokenId);
      }
    }
  }
  return {
    recipients,
    twins,
    counts: {
      ...before,
      inactive,
      duplicates,
      malformed,
      otherApp,
      recipients: before.recipients + recipients.length,
    },
  };
}

/** Stands for a malformed device token: its row makes it unique, so that a second look does not count it again. */
export function malformedKey(tokenId: string): string {
  return `malformed ${tokenId}`;
}

/** Cuts recipients into batches of about equal size, at most `batchSize` each. */
export function toBatches(
  dispatchId: number,
  idKind: IdKind,
  firstSeq: number,
  batchSize: number,
  { recipients, twins }: SortedMembers,
): PlannedBatch[] {
  const count = Math.ceil(recipients.length / batchSize);
  return Array.from({ length: count }, (_, i) => {
    const part = recipients.slice(
      Math.floor((i * recipients.length) / count),
      Math.floor(((i + 1) * recipients.length) / count),
    );
    const ids = part.map(({ tokenId }) => tokenId);
    const malformed = part.filter((recipient) => recipient.malformed);
    const { first, last } = idRange(idKind, ids);
    return {
      seq: firstSeq + i,
      size: part.length,
      recipients: encodeRecipients(idKind, ids),
      firstId: first,
      lastId: last,
      twins: i === 0 && twins.length > 0 ? encodeRecipients(idKind, twins) : null,
      outcomes:
        malformed.length === 0
          ? null
          : Buffer.from(part.map((recipient) => (recipient.malformed ? REJECTED : 0))),
      rejected: malformed.length,
      refusals: malformed.map(({ tokenId }) => ({
        tokenId,
        reason: MALFORMED_DEVICE_TOKEN,
        apnsId: apnsId(dispatchId, tokenId),
      })),
    };
  });
}
