import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import {
  type ClientHttp2Session,
  connect,
  type OutgoingHttpHeaders,
  type SecureClientSessionOptions,
} from 'node:http2';

/** How a request ended, as its client saw it. */
export interface SeenAnswer {
  /** 0 without an answer. */
  readonly status: number;
  readonly headers: Record<string, string | undefined>;
  /** The JSON body; an empty object if there is none. */
  readonly body: { reason?: string; timestamp?: number };
  /** HTTP/2 code that the stream was closed with; 0 for a good end. */
  readonly streamError: number;
}

/** A key pair as Apple's .p8 files hold one: P-256. */
export function makeSigningKey(): { privateKey: KeyObject; privateKeyPem: string; publicKeyPem: string } {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return {
    privateKey,
    privateKeyPem: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    publicKeyPem: publicKey.export({ type: 'spki', format: 'pem' }).toString(),
  };
}

/** Signs a provider token; the parts can be spoilt one by one. `issuedAt` in seconds since 1970. */
export function signProviderToken(
  privateKey: KeyObject,
  {
    keyId = 'KEYID12345',
    teamId = 'TEAMID1234',
    issuedAt = Math.floor(Date.now() / 1000),
    alg = 'ES256',
  } = {},
): string {
  const signed = [
    { alg, kid: keyId },
    { iss: teamId, iat: issuedAt },
  ]
    .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
    .join('.');
  const signature = sign('sha256', Buffer.from(signed), { key: privateKey, dsaEncoding: 'ieee-p1363' });
  return `${signed}.${signature.toString('base64url')}`;
}

/** A bare HTTP/2 client for tests of the simulator: no retries, no opinions. */
export class TestClient {
  readonly session: ClientHttp2Session;
  /** Codes and debug data of the GOAWAY frames so far. */
  readonly goAways: { code: number; data: string }[] = [];
  readonly closed: Promise<void>;

  constructor(url: string, caPem: string, options: SecureClientSessionOptions = {}) {
    this.session = connect(url, { ca: caPem, ...options });
    this.session.on('error', () => {}); // seen by the streams
    this.session.on('goaway', (code, _lastStreamId, data) =>
      this.goAways.push({ code, data: `${data ?? ''}` }),
    );
    this.closed = new Promise((resolve) => this.session.once('close', () => resolve()));
  }

  /** Resolves once the server's limit on streams has this value. */
  async streamLimit(limit: number): Promise<void> {
    while (this.session.remoteSettings?.maxConcurrentStreams !== limit) {
      await new Promise((resolve) => this.session.once('remoteSettings', resolve));
    }
  }

  /** Sends one request; resolves however it ends, also when `timeoutMs` makes the client give up (CANCEL). */
  send(headers: OutgoingHttpHeaders, payload: string | Buffer = '', timeoutMs = 5000): Promise<SeenAnswer> {
    return new Promise((resolve) => {
      const stream = this.session.request({ ':method': 'POST', ...headers }, { endStream: false });
      let answered: Record<string, unknown> = {};
      let text = '';
      stream.setTimeout(timeoutMs, () => stream.close(8));
      stream.on('response', (received) => {
        answered = received;
      });
      stream.on('data', (chunk) => {
        text += chunk;
      });
      stream.on('error', () => {}); // told by the code below
      stream.on('close', () =>
        resolve({
          status: Number(answered[':status'] ?? 0),
          headers: answered as Record<string, string | undefined>,
          body: text === '' ? {} : JSON.parse(text),
          streamError: stream.rstCode ?? 0,
        }),
      );
      stream.end(payload);
    });
  }

  /** Ends the connection at once. */
  close(): void {
    this.session.destroy();
  }
}
