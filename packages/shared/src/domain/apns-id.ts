import { createHash } from 'node:crypto';

/**
 * The `apns-id` of one recipient: a UUID of version 8 (RFC 9562, section 5.8) made of the dispatch and
 * the token id, so it is the same for every repeat, and one seen in Apple's console leads back to the row.
 * Integer ids stand in it in hex: `dddddddd-dddd-8ttt-Tttt-tttttttttttt`, where d is the dispatch.
 *
 * @param dispatchId number of the dispatch, below 2^48
 * @param tokenId id of the device token's row, as text
 */
export function apnsId(dispatchId: number, tokenId: string): string {
  return apnsIdsOf(dispatchId)(tokenId);
}

/** The same for many recipients of one dispatch. */
export function apnsIdsOf(dispatchId: number): (tokenId: string) => string {
  const dispatch = dispatchId.toString(16).padStart(12, '0');
  // An integer id has at most 12 digits in hex, so whatever stands before them is the same for all.
  const integers = `${dispatch.slice(0, 8)}-${dispatch.slice(8)}-8000-8000-`;
  return (tokenId) =>
    /^\d{1,14}$/.test(tokenId)
      ? integers + Number(tokenId).toString(16).padStart(12, '0')
      : digestId(dispatch, tokenId);
}

/** 2^63 and UUIDs do not fit beside version and variant: their digest does. */
function digestId(dispatch: string, tokenId: string): string {
  const recipient = digestHex(tokenId);
  // The variant takes the top two bits of its group: only 14 of the 16 there are ours.
  const variant = (0x8000 | Number.parseInt(recipient.slice(3, 7), 16)).toString(16);
  return `${dispatch.slice(0, 8)}-${dispatch.slice(8)}-8${recipient.slice(0, 3)}-${variant}-${recipient.slice(7)}`;
}

/** 19 hex digits, the fourth at most 3: 74 bits that fit beside version and variant. */
function digestHex(tokenId: string): string {
  const digest = createHash('sha256').update(tokenId).digest('hex').slice(0, 19);
  return digest.slice(0, 3) + (Number.parseInt(digest[3]!, 16) & 3).toString(16) + digest.slice(4);
}
