import { createHash } from 'node:crypto';

/** Why a stored string can be no device token; stands as the reason of a rejected recipient. */
export const MALFORMED_DEVICE_TOKEN = 'MalformedDeviceToken';

// Apple does not fix the size (registering your app with APNs); 32 bytes is the least ever seen, and
// 100 bytes what Apple announced in 2015. Twice that is left as room.
const MIN_HEX_DIGITS = 64;
const MAX_HEX_DIGITS = 400;

/**
 * Brings a stored device token into the one form that APNs takes: lower-case hex. What iOS
 * printed in old days (`<740f4707 bebcf74f …>`) and upper case are the same device token.
 * Returns null for what is none.
 */
export function normalizeDeviceToken(stored: string | null): string | null {
  if (stored === null || stored.length > 2 * MAX_HEX_DIGITS) return null;
  // Nearly all are stored in this form: they are looked through once.
  if (PLAIN_HEX.test(stored)) return isOfRightLength(stored) ? stored : null;
  const hex = stored.replace(/[\s<>]/g, '').toLowerCase();
  return PLAIN_HEX.test(hex) && isOfRightLength(hex) ? hex : null;
}

const PLAIN_HEX = /^[0-9a-f]+$/;

function isOfRightLength(hex: string): boolean {
  return hex.length >= MIN_HEX_DIGITS && hex.length <= MAX_HEX_DIGITS && hex.length % 2 === 0;
}

/** Says in words what is wrong with a stored device token, without showing it. */
export function whyMalformed(stored: string | null): string {
  if (stored === null) return 'device token is NULL';
  const hex = stored.replace(/[\s<>]/g, '');
  if (hex === '') return 'device token is empty';
  if (!/^[0-9a-fA-F]+$/.test(hex)) return 'device token has characters that are not hexadecimal';
  if (hex.length % 2 === 1) return `device token has an odd number of hex digits (${hex.length})`;
  if (hex.length < MIN_HEX_DIGITS) return `device token is too short (${hex.length} hex digits)`;
  return `device token is too long (${hex.length} hex digits)`;
}

/** 16 hex digits that stand for a normalised device token where it must not be shown. */
export function deviceTokenDigest(deviceToken: string): string {
  return createHash('sha256').update(deviceToken).digest('hex').slice(0, 16);
}
