/** The APNs credential: a signing key (provider token) or a client certificate. Read once, at start. */
import { createHash, createPrivateKey, createPublicKey, type KeyObject, X509Certificate } from 'node:crypto';
import { BadApnsCredentialError, createProviderTokenSource } from './provider-token.ts';

export interface TokenCredential {
  readonly kind: 'token';
  /** PKCS#8, PEM. */
  readonly keyPem: string;
  readonly keyId: string;
  readonly teamId: string;
}

export interface CertificateCredential {
  readonly kind: 'certificate';
  /** The certificate first, then its chain, PEM. */
  readonly certPem: string;
  readonly keyPem: string;
  readonly passphrase?: string;
}

export type ApnsCredential = TokenCredential | CertificateCredential;
export type ApnsEnvironment = 'production' | 'sandbox';

export interface CertificateFiles {
  /** PEM; may hold the private key too, as the old application's one file does. */
  readonly certPem: string;
  readonly keyPem?: string;
  readonly passphrase?: string;
}

/** Throws BadApnsCredentialError if the key cannot sign for APNs. */
export function readTokenCredential(settings: Omit<TokenCredential, 'kind'>): TokenCredential {
  createProviderTokenSource(settings);
  return { kind: 'token', keyPem: settings.keyPem, keyId: settings.keyId, teamId: settings.teamId };
}

/** Throws BadApnsCredentialError if certificate or key cannot be read or do not belong together. */
export function readCertificateCredential(files: CertificateFiles): CertificateCredential {
  const certPem = withLineEnds(files.certPem);
  const keyPem = firstPrivateKey(withLineEnds(files.keyPem ?? certPem));
  const key = readKey(keyPem, files.passphrase);
  const blocks = certPem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  if (blocks.length === 0)
    throw new BadApnsCredentialError('the APNs certificate file holds no certificate (PEM)');

  const own = blocks.findIndex((block) => readCertificate(block).checkPrivateKey(key));
  if (own === -1)
    throw new BadApnsCredentialError('the APNs certificate and the private key do not belong together');
  // TLS sends the blocks in this order and takes the first for the client's own.
  const ordered = [blocks[own]!, ...blocks.filter((_, index) => index !== own)];
  return { kind: 'certificate', certPem: ordered.join('\n'), keyPem, passphrase: files.passphrase };
}

/**
 * Names a credential in logs, breakers and metrics: equal for equal identity and environment, 16
 * hexadecimal characters. It is built from public parts only (of a key its public half, which tells a stale
 * file under a new key id), so no secret can be found from it.
 */
export function credentialDigest(credential: ApnsCredential, environment: ApnsEnvironment): string {
  const identity =
    credential.kind === 'token'
      ? ['key', credential.keyId, credential.teamId, publicHalf(credential.keyPem)]
      : ['certificate', readCertificate(credential.certPem).fingerprint256];
  return createHash('sha256')
    .update(JSON.stringify([...identity, environment]))
    .digest('hex')
    .slice(0, 16);
}

function publicHalf(keyPem: string): string {
  const publicKey = createPublicKey(createPrivateKey(withLineEnds(keyPem).trim()));
  return publicKey.export({ type: 'spki', format: 'der' }).toString('base64');
}

/** When the client certificate ends. A signing key does not end. */
export function credentialExpiresAt(credential: ApnsCredential): Date | undefined {
  if (credential.kind === 'token') return undefined;
  return new Date(readCertificate(credential.certPem).validTo);
}

/** A .env file on one line has the two characters \\n where the PEM file has line ends. */
function withLineEnds(pem: string): string {
  return pem.replaceAll('\\n', '\n');
}

function firstPrivateKey(pem: string): string {
  const block = /-----BEGIN ([A-Z ]*PRIVATE KEY)-----[\s\S]+?-----END \1-----/.exec(pem)?.[0];
  if (block === undefined) {
    throw new BadApnsCredentialError(
      'the APNs certificate comes without its private key: put both into one PEM file, or set PUSHFLEET_APNS_CERT_KEY',
    );
  }
  return block;
}

function readKey(pem: string, passphrase: string | undefined): KeyObject {
  try {
    return createPrivateKey({ key: pem, passphrase });
  } catch (cause) {
    const mend =
      passphrase === undefined
        ? 'it is damaged, or encrypted and PUSHFLEET_APNS_CERT_PASSPHRASE is missing'
        : 'it is damaged, or the passphrase is wrong';
    throw new BadApnsCredentialError(`the private key of the APNs certificate cannot be read: ${mend}`, {
      cause,
    });
  }
}

function readCertificate(pem: string): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch (cause) {
    throw new BadApnsCredentialError('the APNs certificate cannot be read: the PEM file is damaged', {
      cause,
    });
  }
}
