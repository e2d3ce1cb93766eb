import { isIP } from 'node:net';
import { generate } from 'selfsigned';

/** What a TLS server needs, and what its clients must trust: the certificate is its own issuer. */
export interface ServerCertificate {
  readonly certificatePem: string;
  readonly privateKeyPem: string;
}

/**
 * Makes a P-256 certificate for `localhost`, 127.0.0.1, ::1 and the given host names, valid since an hour ago.
 * Made at each start, so that no private key lies in a repository or an image.
 *
 * @param days from now until it ends
 */
export async function makeServerCertificate(
  hostNames: readonly string[],
  days = 30,
): Promise<ServerCertificate> {
  const names = [...new Set(['localhost', '127.0.0.1', '::1', ...hostNames])];
  const now = Date.now();
  const made = await generate([{ name: 'commonName', value: 'APNs simulator' }], {
    keyType: 'ec',
    algorithm: 'sha256',
    notBeforeDate: new Date(now - 3_600_000),
    notAfterDate: new Date(now + days * 24 * 3_600_000),
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'keyUsage', digitalSignature: true, keyCertSign: true, critical: true },
      { name: 'extKeyUsage', serverAuth: true },
      {
        name: 'subjectAltName',
        altNames: names.map((name) => (isIP(name) === 0 ? { type: 2, value: name } : { type: 7, ip: name })),
      },
    ],
  });
  return { certificatePem: made.cert, privateKeyPem: made.private };
}
