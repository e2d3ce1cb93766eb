import { createPrivateKey } from 'node:crypto';
import { expect, test } from '@jest/globals';
import { makeServerCertificate } from '@pushfleet/apns-simulator/certificate';
import { aSigningKey } from '../../../../tests/harness/apns-peers.ts';
import {
  credentialDigest,
  credentialExpiresAt,
  readCertificateCredential,
  readTokenCredential,
} from './credential.ts';

const { keyPem } = aSigningKey();
const token = readTokenCredential({ keyPem, keyId: 'ABC123DEFG', teamId: 'DEF123GHIJ' });
const first = await makeServerCertificate([]);
const second = await makeServerCertificate([]);
const encrypted = createPrivateKey(first.privateKeyPem)
  .export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'push' })
  .toString();

test('certificate and key are read from two files, or from one that holds both', () => {
  const two = readCertificateCredential({ certPem: first.certificatePem, keyPem: first.privateKeyPem });
  const bags = `Bag Attributes\n    friendlyName: push\n${first.privateKeyPem}\n${first.certificatePem}`;
  const one = readCertificateCredential({ certPem: bags });
  expect(one.certPem.trim()).toBe(two.certPem.trim());
  expect(one.keyPem.trim()).toBe(first.privateKeyPem.trim());
});

test('the certificate of the key comes first, whatever the order in the file', () => {
  const certPem = `${second.certificatePem}\n${first.certificatePem}`;
  const read = readCertificateCredential({ certPem, keyPem: first.privateKeyPem });
  expect(read.certPem.startsWith(first.certificatePem.trim())).toBe(true);
  expect(read.certPem).toContain(second.certificatePem.trim());
});

test('an encrypted key needs its passphrase', () => {
  const files = { certPem: first.certificatePem, keyPem: encrypted };
  expect(readCertificateCredential({ ...files, passphrase: 'push' }).passphrase).toBe('push');
  expect(() => readCertificateCredential(files)).toThrow(/PUSHFLEET_APNS_CERT_PASSPHRASE is missing/);
  expect(() => readCertificateCredential({ ...files, passphrase: 'pull' })).toThrow(/passphrase is wrong/);
});

test.each([
  ['key of another certificate', first.certificatePem, second.privateKeyPem, /do not belong together/],
  ['no key', first.certificatePem, undefined, /without its private key/],
  ['no certificate', first.privateKeyPem, undefined, /holds no certificate/],
])('%s: refused with a sentence', (_, certPem, key, sentence) => {
  expect(() => readCertificateCredential({ certPem, keyPem: key })).toThrow(sentence);
});

test('the end of a certificate is known; a signing key has none', () => {
  const certificate = readCertificateCredential({
    certPem: first.certificatePem,
    keyPem: first.privateKeyPem,
  });
  const days = (credentialExpiresAt(certificate)!.getTime() - Date.now()) / 86_400_000;
  expect(Math.round(days)).toBe(30);
  expect(credentialExpiresAt(token)).toBeUndefined();
});

test('the digest tells credentials and environments apart, and a stale file under the same key id', () => {
  const certificate = readCertificateCredential({
    certPem: first.certificatePem,
    keyPem: first.privateKeyPem,
  });
  const rotated = readCertificateCredential({ certPem: second.certificatePem, keyPem: second.privateKeyPem });
  const digests = [
    credentialDigest(token, 'production'),
    credentialDigest(token, 'sandbox'),
    credentialDigest({ ...token, keyId: 'ABC123DEFH' }, 'production'),
    credentialDigest(certificate, 'production'),
    credentialDigest(rotated, 'production'),
  ];
  expect(new Set(digests).size).toBe(5);
  expect(digests[0]).toMatch(/^[0-9a-f]{16}$/);
  expect(credentialDigest({ ...token }, 'production')).toBe(digests[0]);
  expect(credentialDigest({ ...token, keyPem: aSigningKey().keyPem }, 'production')).not.toBe(digests[0]);
});
