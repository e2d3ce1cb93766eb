import {
  createSecureServer,
  type Http2SecureServer,
  type IncomingHttpHeaders,
  type ServerHttp2Stream,
} from 'node:http2';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { ServerCertificate } from './certificate.ts';
import { Connection } from './connection.ts';
import { LARGEST_PAYLOAD_BYTES } from './push-types.ts';

/** One request whose body has arrived. */
export interface Exchange {
  readonly connection: Connection;
  readonly stream: ServerHttp2Stream;
  readonly headers: IncomingHttpHeaders;
  readonly rawHeaders: readonly string[] | undefined;
  readonly payload: Buffer;
  /** All bytes of the body, also those that `payload` leaves out because they are too many. */
  readonly payloadBytes: number;
}

/** What the server tells its owner. */
export interface ServerEvents {
  onConnection(connection: Connection): void;
  onRequest(exchange: Exchange): void;
}

const NO_BYTES: Buffer = Buffer.alloc(0);
const FAR_AWAY = 2 ** 31 - 1;

// Node's defences against abuse close a connection after a hundred refused streams: here those are the purpose.
const PATIENCE = {
  maxSessionMemory: 256,
  maxSessionRejectedStreams: FAR_AWAY,
  maxSessionInvalidFrames: FAR_AWAY,
  maxOutstandingSettings: 1000,
  streamResetBurst: FAR_AWAY,
  streamResetRate: FAR_AWAY,
};

/** HTTP/2 over TLS: connections and whole requests; what they mean is not decided here. */
export class ApnsServer {
  readonly connections = new Set<Connection>();
  /** Connections since the start. */
  connects = 0;
  private readonly server: Http2SecureServer;
  private socketOfNextSession: TLSSocket | undefined;

  constructor(certificate: ServerCertificate, streamLimit: number, events: ServerEvents) {
    this.server = createSecureServer({
      ...PATIENCE,
      cert: certificate.certificatePem,
      key: certificate.privateKeyPem,
      minVersion: 'TLSv1.2',
      requestCert: true,
      rejectUnauthorized: false,
      settings: { maxConcurrentStreams: streamLimit },
    });
    // Node makes the session while it handles this event, and gives no other way from a session to its socket.
    this.server.prependListener('secureConnection', (socket: TLSSocket) => {
      this.socketOfNextSession = socket;
    });
    this.server.on('session', (session) => {
      const connection = new Connection(++this.connects, session, this.socketOfNextSession!);
      this.connections.add(connection);
      session.on('error', ignore).on('close', () => this.connections.delete(connection));
      session.on('stream', (stream, headers, _flags, rawHeaders?: string[]) =>
        readRequest(connection, stream, headers, rawHeaders, events),
      );
      events.onConnection(connection);
    });
    this.server.on('tlsClientError', ignore).on('sessionError', ignore);
  }

  /** Starts to listen; returns the port. */
  async listen(port: number, host: string): Promise<number> {
    await new Promise<void>((resolve, reject) => {
      this.server.once('error', reject);
      this.server.listen(port, host, resolve);
    });
    return (this.server.address() as AddressInfo).port;
  }

  /** Number of streams that new connections are told at first. */
  setFirstStreamLimit(maxConcurrentStreams: number): void {
    this.server.updateSettings({ maxConcurrentStreams });
  }

  /** Ends all connections at once and stops listening. */
  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.server.close(() => resolve()));
    for (const connection of this.connections) connection.drop();
    await closed;
  }
}

function readRequest(
  connection: Connection,
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  rawHeaders: readonly string[] | undefined,
  events: ServerEvents,
): void {
  let payload: Buffer = NO_BYTES;
  let payloadBytes = 0;
  stream.on('error', ignore);
  stream.on('data', (chunk: Buffer) => {
    payloadBytes += chunk.length;
    if (payloadBytes <= LARGEST_PAYLOAD_BYTES)
      payload = payload === NO_BYTES ? chunk : Buffer.concat([payload, chunk]);
  });
  stream.on('end', () => {
    // Node ends the body of an upload that the client broke off, too.
    if (!stream.aborted) events.onRequest({ connection, stream, headers, rawHeaders, payload, payloadBytes });
  });
}

/** A fault of a client's is no fault of ours; without a listener Node would end the process. */
function ignore(): void {}
