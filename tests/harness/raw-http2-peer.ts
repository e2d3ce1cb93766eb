/** A TLS server that speaks "h2" by name only: it says whatever octets the test wants. */
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer, type TLSSocket } from 'node:tls';
import { makeServerCertificate } from '@pushfleet/apns-simulator/certificate';
import { writeSettings } from '@pushfleet/http2/frame-writer';
import { CLIENT_PREFACE } from '@pushfleet/http2/protocol';
import type { ApnsConnection } from '../../apps/worker/src/apns/apns-connection.ts';
import { createNativeConnector } from '../../apps/worker/src/apns/native/native-connection.ts';
import { framesOf, type HeardFrame, octetsOf } from './byte-peer.ts';

const credential = { kind: 'token', keyPem: '', keyId: 'ABC123DEFG', teamId: 'DEF123GHIJ' } as const;
let certificate: ReturnType<typeof makeServerCertificate> | undefined;
export const SETTINGS = octetsOf((out) => writeSettings(out, []));

export interface RawPeer {
  /** A connection of ours to it, and how that ends. */
  connect(): { readonly connection: ApnsConnection; readonly dead: Promise<string> };
  /** The whole frames that came in, behind the preface. */
  heardFrames(): HeardFrame[];
  close(): Promise<void>;
}

export async function startRawPeer(onSocket: (socket: TLSSocket) => void): Promise<RawPeer> {
  certificate ??= makeServerCertificate([]);
  const { certificatePem: cert, privateKeyPem: key } = await certificate;
  const sockets = new Set<TLSSocket>();
  const heard: Buffer[] = [];
  const server = createServer({ cert, key, ALPNProtocols: ['h2'] }, (socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    onSocket(socket);
    socket.on('data', (chunk) => heard.push(chunk));
  });
  server.on('tlsClientError', () => {});
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const open = createNativeConnector({
    host: 'localhost',
    port,
    credential,
    ca: cert,
    providerToken: () => 'provider-token',
  });
  return {
    connect() {
      const connection = open();
      const dead = new Promise<string>((resolve) => {
        connection.on((event) => event.type === 'dead' && resolve(event.detail));
      });
      return { connection, dead };
    },
    heardFrames(): HeardFrame[] {
      return framesOf(Buffer.concat(heard).subarray(CLIENT_PREFACE.length));
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

/** Writes `octets` again and again until the other end closes, as fast as it reads. */
export function floodWith(socket: TLSSocket, octets: Buffer): void {
  const pump = () => {
    while (!socket.destroyed && socket.writable && socket.write(octets)) {
      // until the socket says stop
    }
  };
  socket.on('drain', pump);
  pump();
}

/** Watches the memory outside of the heap, where octets are kept; `stop` returns the most that it grew. */
export function watchMemory() {
  const now = () => process.memoryUsage().arrayBuffers;
  const before = now();
  let most = before;
  const look = () => {
    most = Math.max(most, now());
  };
  const timer = setInterval(look, 1);
  return {
    stop() {
      clearInterval(timer);
      look();
      return most - before;
    },
  };
}
