import { createPrivateKey, generateKeyPairSync, verify } from 'node:crypto';
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

// Workers of two versions run side by side during an update: a byte more or less would be a second provider token.
test('the bytes stay those of the version before (key of RFC 6979, A.2.5)', () => {
  const number = (hex: string) => Buffer.from(hex, 'hex').toString('base64url');
  const known = {
    kty: 'EC',
    crv: 'P-256',
    d: number('C9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721'),
    x: number('60FED4BA255A9D31C961EB74C6356D68C049B8923B61FA6CE669622E60F29FB6'),
    y: number('7903FE1008B8BC99A41AE9E95628BC64F2F1B20C2D7E9F5177A3C294D4462299'),
  };
  const keyPem = String(
    createPrivateKey({ key: known, format: 'jwk' }).export({ type: 'pkcs8', format: 'pem' }),
  );
  const source = createProviderTokenSource({ ...settings, keyPem, now: () => 1_790_001_600_000 });
  expect(source.current()).toBe(
    'eyJhbGciOiJFUzI1NiIsImtpZCI6IkFCQzEyM0RFRkcifQ.eyJpc3MiOiJERUYxMjNHSElKIiwiaWF0IjoxNzkwMDAxNjAwfQ.' +
      '1rd-VMvaHN0n6sBjjGX8F4IPcJjsspRYzYZQ5xxeUXrCvGiUbgJgC-8zZghkkl3A_UOxr8HeI98_7ApjM9Cfzg',
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

test('frozen: no other provider token is shown while APNs has had too many, the same one in every worker', () => {
  let now = START + BUCKET_MS - 60_000;
  const since = now;
  const first = createProviderTokenSource({ ...settings, now: () => now });
  const before = first.current();
  first.freeze(since);
  now += 10 * 60_000;
  const second = createProviderTokenSource({ ...settings, now: () => now });
  second.freeze(since);
  expect([first.current(), second.current()]).toEqual([before, before]);
  now = START + 56 * 60_000; // APNs would call it expired soon
  expect(first.current()).not.toBe(before);
  first.freeze(null);
  expect(part(first.current(), 1).iat).toBe((START + BUCKET_MS) / 1000);
});
