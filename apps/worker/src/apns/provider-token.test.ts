import { generateKeyPairSync, verify } from 'node:crypto';
import { expect, test } from '@jest/globals';
import { aSigningKey } from '../../../../tests/harness/apns-peers.ts';
import { BadApnsCredentialError, createProviderTokenSource } from './provider-token.ts';

const BUCKET_MS = 40 * 60_000;
const START = Math.ceil(1_790_000_000_000 / BUCKET_MS) * BUCKET_MS;
const key = aSigningKey();
const settings = { keyPem: key.keyPem, keyId: 'ABC123DEFG', teamId: 'DEF123GHIJ' };
const part = (token: string, index: number) =>
  JSON.parse(Buffer.from(token.split('.')[index]!, 'base64url').toString());

test('two workers show APNs the same bytes, whenever in the bucket they started', () => {
  const first = createProviderTokenSource({ ...settings, now: () => START + 1 });
  const second = createProviderTokenSource({ ...settings, now: () => START + BUCKET_MS - 1 });
  expect(second.current()).toBe(first.current());
});

test('it is a JWT as Apple wants it: ES256, key id, team id, iat in seconds, nothing else', () => {
  const token = createProviderTokenSource({ ...settings, now: () => START + 1_234_567 }).current();
  expect(part(token, 0)).toEqual({ alg: 'ES256', kid: 'ABC123DEFG' });
  expect(part(token, 1)).toEqual({ iss: 'DEF123GHIJ', iat: START / 1000 });
});

// Many, since every second signature would be another with `lowS`, and each of them must verify.
test('OpenSSL verifies the signatures as r and s side by side', () => {
  for (let bucket = 0; bucket < 8; bucket++) {
    const token = createProviderTokenSource({ ...settings, now: () => START + bucket * BUCKET_MS }).current();
    const [header, claims, signature] = token.split('.');
    const publicKey = { key: key.publicKeyPem, dsaEncoding: 'ieee-p1363' } as const;
    const bytes = Buffer.from(signature!, 'base64url');
    expect(bytes).toHaveLength(64);
    expect(verify('sha256', Buffer.from(`${header}.${claims}`), publicKey, bytes)).toBe(true);
  }
});

test('the signature is that of RFC 6979 (A.2.5: key, message "sample", SHA-256)', async () => {
  // The RFC's vector through the same call with the same options as in provider-token.ts.
  const { p256 } = await import('@noble/curves/nist.js');
  const secret = Buffer.from('C9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721', 'hex');
  const options = { prehash: true, lowS: false, format: 'compact' } as const;
  const signature = Buffer.from(p256.sign(Buffer.from('sample'), secret, options)).toString('hex');
  expect(signature.toUpperCase()).toBe(
    'EFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716' +
      'F7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8',
  );
});

test('it changes once per 40 minutes', () => {
  let now = START;
  const source = createProviderTokenSource({ ...settings, now: () => now });
  const seen = new Set<string>();
  for (; now < START + 3 * BUCKET_MS; now += 60_000) seen.add(source.current());
  expect(seen.size).toBe(3);
});

test('a clock that steps to and fro over the bucket boundary does not change it', () => {
  let now = START + BUCKET_MS;
  const source = createProviderTokenSource({ ...settings, now: () => now });
  const seen = new Set<string>();
  for (const step of [0, -1_000, 500, -240_000, 10_000]) {
    now = START + BUCKET_MS + step;
    seen.add(source.current());
  }
  expect(seen.size).toBe(1);
});

test('a clock set right by hours is believed: an iat in the future would be refused for hours', () => {
  let now = START + 3 * BUCKET_MS;
  const source = createProviderTokenSource({ ...settings, now: () => now });
  source.current();
  now = START;
  expect(part(source.current(), 1).iat).toBe(START / 1000);
});

test('a key that came through a one-line .env file is the same key', () => {
  const oneLine = key.keyPem.replaceAll('\n', '\\n');
  const now = () => START;
  const token = createProviderTokenSource({ ...settings, now }).current();
  expect(createProviderTokenSource({ ...settings, keyPem: oneLine, now }).current()).toBe(token);
});

const pem = (pair: { privateKey: { export(options: object): unknown } }, type: string) =>
  String(pair.privateKey.export({ type, format: 'pem' }));

test.each([
  ['no PEM', 'secret', /not a PKCS#8 key/],
  ['SEC1', pem(generateKeyPairSync('ec', { namedCurve: 'P-256' }), 'sec1'), /not a PKCS#8 key/],
  ['P-384', pem(generateKeyPairSync('ec', { namedCurve: 'P-384' }), 'pkcs8'), /no P-256 key/],
  ['RSA', pem(generateKeyPairSync('rsa', { modulusLength: 2048 }), 'pkcs8'), /no P-256 key \(it is rsa\)/],
  ['cut off', key.keyPem.slice(0, 80), /damaged or cut off/],
])(
  'a key that cannot sign (%s) is refused with a sentence, and without the key in it',
  (_, keyPem, sentence) => {
    const make = () => createProviderTokenSource({ ...settings, keyPem });
    expect(make).toThrow(BadApnsCredentialError);
    expect(make).toThrow(sentence);
  },
);

test.each([
  ['keyId', 'key id'],
  ['teamId', 'team id'],
])('a missing %s is refused', (name, words) => {
  expect(() => createProviderTokenSource({ ...settings, [name]: '' })).toThrow(words);
});
