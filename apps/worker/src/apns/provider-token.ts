/**
 * The provider token (JWT) of token authentication. Every worker of a fleet shows APNs the same
 * bytes without talking to the others: `iat` is cut to a bucket and the signature is deterministic
 * (RFC 6979), so scaling, restarts and reconnects never look like TooManyProviderTokenUpdates.
 */
import { createPrivateKey, type KeyObject } from 'node:crypto';
import { p256 } from '@noble/curves/nist.js';

/** Between Apple's limits: not more than one change in 20 minutes, none older than 60. */
const BUCKET_SECONDS = 40 * 60;
/** How far the wall clock may step back before we believe it. Smaller steps must not flap. */
const BACKWARD_TOLERANCE_SECONDS = 5 * 60;
/** A frozen one is kept for so long; an older one APNs would call expired. */
const FROZEN_SECONDS = 55 * 60;

/** The APNs credential cannot work. Trying again cannot help: the message says what to mend. */
export class BadApnsCredentialError extends Error {
  readonly code = 'PUSHFLEET_BAD_APNS_CREDENTIAL';
  override readonly name = 'BadApnsCredentialError';
}

export interface ProviderTokenSettings {
  /** The .p8 file that Apple hands out: PKCS#8, PEM. */
  readonly keyPem: string;
  readonly keyId: string;
  readonly teamId: string;
  /** Wall clock in milliseconds since 1970. */
  readonly now?: () => number;
}

export interface ProviderTokenSource {
  /** The provider token to send now. Cheap: it is signed once per bucket. */
  current(): string;
  /**
   * Keeps the provider token of that time (milliseconds since 1970) while APNs takes it: the same one in
   * every worker that is told the same time. Null: it follows the clock again.
   */
  freeze(since: number | null): void;
}

/** Throws BadApnsCredentialError if the key is not a PKCS#8 P-256 key or an id is missing. */
export function createProviderTokenSource(settings: ProviderTokenSettings): ProviderTokenSource {
  const { keyId, teamId, now = Date.now } = settings;
  const secret = readSigningKey(settings.keyPem);
  for (const [name, id] of Object.entries({ 'key id': keyId, 'team id': teamId })) {
    if (/^[A-Za-z0-9]+$/.test(id)) continue;
    throw new BadApnsCredentialError(`the APNs ${name} "${id}" is not one: it has 10 letters and digits`);
  }

  let token = '';
  let usableFromMs = Number.POSITIVE_INFINITY;
  let usableUntilMs = Number.NEGATIVE_INFINITY;
  let frozenAtMs: number | null = null;
  return {
    freeze(since) {
      frozenAtMs = since;
    },
    current(): string {
      const nowMs = frozenAtMs === null ? now() : frozenTime(frozenAtMs, now());
      if (nowMs >= usableFromMs && nowMs < usableUntilMs) return token;
      const issuedAt = Math.floor(nowMs / 1000 / BUCKET_SECONDS) * BUCKET_SECONDS;
      token = sign(secret, keyId, teamId, issuedAt);
      usableFromMs = (issuedAt - BACKWARD_TOLERANCE_SECONDS) * 1000;
      usableUntilMs = (issuedAt + BUCKET_SECONDS) * 1000;
      return token;
    },
  };
}

function frozenTime(since: number, now: number): number {
  const issuedAt = Math.floor(since / 1000 / BUCKET_SECONDS) * BUCKET_SECONDS;
  return now - issuedAt * 1000 < FROZEN_SECONDS * 1000 ? since : now;
}

function sign(secret: Uint8Array, keyId: string, teamId: string, issuedAt: number): string {
  // Written by hand: the bytes must not depend on a library's idea of key order.
  const header = `{"alg":"ES256","kid":${JSON.stringify(keyId)}}`;
  const claims = `{"iss":${JSON.stringify(teamId)},"iat":${issuedAt}}`;
  const signed = `${base64url(header)}.${base64url(claims)}`;
  // JWS wants r and s side by side over SHA-256 (RFC 7518, 3.4); a low s is Bitcoin's rule, not JWS's.
  const signature = p256.sign(Buffer.from(signed), secret, { prehash: true, lowS: false, format: 'compact' });
  return `${signed}.${Buffer.from(signature).toString('base64url')}`;
}

function base64url(text: string): string {
  return Buffer.from(text).toString('base64url');
}

function readSigningKey(pem: string): Uint8Array {
  // A .env file on one line has the two characters \n where the key has line ends.
  const text = pem.replaceAll('\\n', '\n').trim();
  if (!text.startsWith('-----BEGIN PRIVATE KEY-----')) {
    throw new BadApnsCredentialError(
      'the APNs key is not a PKCS#8 key: it must be the .p8 file from Apple, beginning with "-----BEGIN PRIVATE KEY-----"',
    );
  }
  let key: KeyObject;
  try {
    key = createPrivateKey(text);
  } catch (cause) {
    throw new BadApnsCredentialError('the APNs key cannot be read: the .p8 file is damaged or cut off', {
      cause,
    });
  }
  if (key.asymmetricKeyType !== 'ec' || key.asymmetricKeyDetails?.namedCurve !== 'prime256v1') {
    throw new BadApnsCredentialError(
      `the APNs key is no P-256 key (it is ${key.asymmetricKeyType}): take the .p8 file that Apple made for APNs`,
    );
  }
  return Buffer.from(key.export({ format: 'jwk' }).d!, 'base64url');
}
