import { createPublicKey, type KeyObject, verify } from 'node:crypto';
import { REFUSALS, type Refusal } from './refusals.ts';

/** What a provider token must match; what is left out is not compared. */
export interface ProviderTokenRules {
  readonly teamId?: string | undefined;
  readonly keyId?: string | undefined;
  /** SPKI PEM of the .p8 key. Without it the signature's length is checked and nothing else. */
  readonly publicKeyPem?: string | undefined;
  /** Whether a connection without client certificate must show a provider token. */
  readonly required: boolean;
}

/** What APNs binds to a connection at its first good provider token. */
export interface ProviderTokenBinding {
  /** The `authorization` header as it came. */
  readonly authorization: string;
  readonly claims: ProviderTokenClaims;
  readonly firstSeenMs: number;
}

interface ProviderTokenClaims {
  readonly keyId: string;
  readonly teamId: string;
  /** `iat`, seconds. */
  readonly issuedAt: number;
}

const MAX_AGE_SECONDS = 3600;
const MIN_SECONDS_BETWEEN_UPDATES = 20 * 60;
const REMEMBERED_HEADERS = 4096;

/**
 * Checks `authorization` headers as in Apple's "Establishing a token-based connection to APNs". A header
 * is decoded and verified once and then known by its string.
 */
export class ProviderTokenCheck {
  private readonly publicKey: KeyObject | undefined;
  /** `null`: known to be invalid. */
  private readonly known = new Map<string, ProviderTokenClaims | null>();

  constructor(private readonly rules: ProviderTokenRules) {
    this.publicKey = rules.publicKeyPem === undefined ? undefined : createPublicKey(rules.publicKeyPem);
  }

  /**
   * Returns the refusal, or what is bound to the connection from now on (`undefined`: still nothing).
   * `nowMs` is milliseconds since 1970.
   */
  check(
    authorization: string | undefined,
    bound: ProviderTokenBinding | undefined,
    nowMs: number,
  ): Refusal | ProviderTokenBinding | undefined {
    if (bound !== undefined && authorization === bound.authorization) {
      return isOutOfDate(bound.claims, nowMs) ? REFUSALS.expiredProviderToken : bound;
    }
    if (authorization === undefined || !/^bearer( |$)/i.test(authorization)) {
      return this.rules.required ? REFUSALS.missingProviderToken : bound;
    }
    const claims = this.claimsOf(authorization);
    if (claims === null) return REFUSALS.invalidProviderToken;
    return this.refusalFor(claims, bound, nowMs) ?? { authorization, claims, firstSeenMs: nowMs };
  }

  private refusalFor(
    claims: ProviderTokenClaims,
    bound: ProviderTokenBinding | undefined,
    nowMs: number,
  ): Refusal | undefined {
    // One team per connection, and within it one key.
    if (bound !== undefined && claims.teamId !== bound.claims.teamId) return REFUSALS.invalidProviderToken;
    if (bound !== undefined && claims.keyId !== bound.claims.keyId) return REFUSALS.unrelatedKeyIdInToken;
    if (this.rules.keyId !== undefined && claims.keyId !== this.rules.keyId)
      return REFUSALS.invalidProviderToken;
    if (isOutOfDate(claims, nowMs)) return REFUSALS.expiredProviderToken;
    if (bound !== undefined && isTooSoon(claims, bound, nowMs)) return REFUSALS.tooManyProviderTokenUpdates;
    return undefined;
  }

  private claimsOf(authorization: string): ProviderTokenClaims | null {
    let claims = this.known.get(authorization);
    if (claims === undefined) {
      claims = this.decode(authorization.slice('bearer '.length));
      if (this.known.size >= REMEMBERED_HEADERS) this.known.clear();
      this.known.set(authorization, claims);
    }
    return claims;
  }

  private decode(jwt: string): ProviderTokenClaims | null {
    const [header, payload, signature, ...more] = jwt.split('.');
    if (header === undefined || payload === undefined || signature === undefined || more.length > 0)
      return null;
    const { alg, kid } = decodeJson(header);
    const { iss, iat } = decodeJson(payload);
    if (alg !== 'ES256' || !isTenCharacterId(kid) || !isTenCharacterId(iss) || typeof iat !== 'number')
      return null;
    if (this.rules.teamId !== undefined && iss !== this.rules.teamId) return null;
    if (!this.isSigned(`${header}.${payload}`, Buffer.from(signature, 'base64url'))) return null;
    return { keyId: kid, teamId: iss, issuedAt: iat };
  }

  /** 64 bytes, not DER: RFC 7518, section 3.4. */
  private isSigned(signed: string, signature: Buffer): boolean {
    if (signature.length !== 64) return false;
    if (this.publicKey === undefined) return true;
    return verify(
      'sha256',
      Buffer.from(signed),
      { key: this.publicKey, dsaEncoding: 'ieee-p1363' },
      signature,
    );
  }
}

function isOutOfDate(claims: ProviderTokenClaims, nowMs: number): boolean {
  return Math.abs(nowMs / 1000 - claims.issuedAt) > MAX_AGE_SECONDS;
}

/**
 * The 20 minutes may lie between the two `iat` or between the two arrivals: a fleet that cuts `iat` to
 * buckets shows a connection opened late in a bucket the next provider token soon, and does not update too often.
 */
function isTooSoon(claims: ProviderTokenClaims, bound: ProviderTokenBinding, nowMs: number): boolean {
  return (
    claims.issuedAt - bound.claims.issuedAt < MIN_SECONDS_BETWEEN_UPDATES &&
    nowMs - bound.firstSeenMs < MIN_SECONDS_BETWEEN_UPDATES * 1000
  );
}

/** Key ids and team ids have ten characters. */
function isTenCharacterId(value: unknown): value is string {
  return typeof value === 'string' && /^[A-Za-z0-9]{10}$/.test(value);
}

/** The object in a base64url segment; an empty one if there is none. */
function decodeJson(segment: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(Buffer.from(segment, 'base64url').toString());
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
