/**
 * A connection through @parse/node-apn. This file alone knows it, and it leans on what node-apn does
 * not document: `client.connect`, `client.request`, `client.session` and `client.config` (the
 * contract test beside it watches them, and the version is pinned).
 *
 * node-apn's own retries, timeouts, pings and reconnects stay off: they have one owner, the governor.
 */
import { generateKeyPairSync } from 'node:crypto';
import type { ClientHttp2Session, ClientHttp2Stream } from 'node:http2';
import apn from '@parse/node-apn';
import type { ApnsRequest, OpenConnection } from './apns-connection.ts';
import { Http2Connection, type PushWriter } from './http2-connection.ts';
import { bracketed, createTransport, type TransportOptions } from './tls-transport.ts';

export interface NodeApnOptions extends TransportOptions {
  /** The provider token to send now; left out with a certificate. */
  readonly providerToken?: () => string;
}

/** Throws if a certificate cannot be read. The function that it returns never throws. */
export function createNodeApnConnector(options: NodeApnOptions): OpenConnection {
  const openTransport = createTransport(options);
  const authority =
    options.port === 443 ? bracketed(options.host) : `${bracketed(options.host)}:${options.port}`;
  return () => new Http2Connection(openTransport, nodeApnWriter(createNodeApnClient(options), authority));
}

/** What we use of node-apn's Client (lib/client.js, 8.1.0). */
export interface NodeApnClient {
  session?: ClientHttp2Session;
  config: Record<string, unknown>;
  healthCheckInterval: NodeJS.Timeout;
  manageChannelsHealthCheckInterval: NodeJS.Timeout;
  setLogger(log: object): void;
  connect(): Promise<void>;
  request(
    session: ClientHttp2Session,
    authority: string,
    notification: { headers: Readonly<Record<string, string>>; body: string },
    path: string,
    method: string,
  ): Promise<unknown>;
}

// node-apn wants a key to sign with before it can be given our provider token. Nobody ever sees this one.
let unusedKey: string | undefined;

/** A node-apn Client that has no timers, logs nothing and sends our provider token. */
export function createNodeApnClient({
  host,
  providerToken,
}: Pick<NodeApnOptions, 'host' | 'providerToken'>): NodeApnClient {
  unusedKey ??= generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({
    type: 'pkcs8',
    format: 'pem',
  }) as string;
  const provider = new apn.Provider({
    token: { key: unusedKey, keyId: 'unused', teamId: 'unused' },
    address: bracketed(host),
    connectionRetryLimit: 0,
    requestTimeout: 0,
  });
  const client = (provider as unknown as { client: NodeApnClient }).client;
  clearInterval(client.healthCheckInterval);
  clearInterval(client.manageChannelsHealthCheckInterval);
  client.setLogger(Object.assign(() => {}, { enabled: false }));
  client.config.token = providerToken && {
    generation: 0,
    get current() {
      return providerToken();
    },
    isExpired: () => false,
    regenerate() {},
  };
  // Before the first SETTINGS Node assumes 100 streams.
  client.config.peerMaxConcurrentStreams = 1;
  client.config.settings = { enablePush: false };
  client.config.maxSessionMemory = 100;
  return client;
}

function nodeApnWriter(client: NodeApnClient, authority: string): PushWriter {
  let session: ClientHttp2Session;
  let opened: ClientHttp2Stream | undefined;
  let apnsId = '';
  return {
    async connect(socket) {
      client.config.createConnection = () => socket;
      await client.connect();
      session = client.session!;
      // A second GOAWAY (a graceful shutdown may send two) makes node-apn destroy the session with all
      // that is open on it. Nothing of its own is needed: Node closes the session by itself.
      for (const event of ['goaway', 'error', 'frameError', 'close']) session.removeAllListeners(event);
      session.on('error', ignore);
      const request = session.request;
      session.request = (headers, options) => {
        // Here, since the other headers are one object for the whole batch and node-apn copies them anyway.
        headers!['apns-id'] = apnsId;
        opened = request.call(session, headers, options);
        return opened;
      };
      return session;
    },
    post({ headers, payload, deviceToken, apnsId: id }: ApnsRequest) {
      opened = undefined;
      apnsId = id;
      // Runs without a pause to session.request, which leaves the stream in `opened`. The promise is
      // not looked at: it loses Retry-After, and after some resets it never settles.
      client
        .request(session, authority, { headers, body: payload }, `/3/device/${deviceToken}`, 'POST')
        .catch(ignore);
      return opened;
    },
  };
}

function ignore(): void {}
