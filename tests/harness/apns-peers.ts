/** Peers for tests of the APNs connection: a scripted HTTP/2 server, a line that goes dead, one push. */
import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import {
  createSecureServer,
  type Http2SecureServer,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { makeServerCertificate } from '@pushfleet/apns-simulator/certificate';
import type { ApnsRequest } from '../../apps/worker/src/apns/apns-connection.ts';

export type StreamHandler = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void;

/** An HTTP/2 server that does what the test says, no more: for what the simulator does not do. */
export interface ScriptedServer {
  readonly port: number;
  readonly caPem: string;
  readonly sessions: ServerHttp2Session[];
  readonly server: Http2SecureServer;
  /** Most streams that were open at once since the last `resetPeak`. */
  peak(): number;
  resetPeak(): void;
  close(): Promise<void>;
}

export async function startScriptedServer(
  maxStreams: number,
  handle: StreamHandler,
): Promise<ScriptedServer> {
  const { certificatePem: cert, privateKeyPem: key } = await makeServerCertificate([]);
  const server = createSecureServer({ cert, key, settings: { maxConcurrentStreams: maxStreams } });
  const sessions: ServerHttp2Session[] = [];
  let open = 0;
  let peak = 0;
  server.on('session', (session) => {
    sessions.push(session);
    session.on('error', () => {});
  });
  server.on('sessionError', () => {});
  server.on('tlsClientError', () => {});
  server.on('stream', (stream, headers) => {
    peak = Math.max(peak, ++open);
    stream.on('error', () => {});
    stream.on('close', () => open--);
    stream.resume();
    handle(stream, headers);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    caPem: cert,
    sessions,
    server,
    peak: () => peak,
    resetPeak: () => {
      peak = open;
    },
    async close() {
      for (const session of sessions) session.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

/** Answers 200 once `gate` has resolved. */
export function acceptAfter(gate: () => Promise<unknown>): StreamHandler {
  return async (stream) => {
    await gate();
    if (!stream.destroyed) stream.respond({ ':status': 200 }, { endStream: true });
  };
}

/** A TCP line to a server that can go dead: nothing passes any more, not even an end, and nobody hears of it. */
export async function startRelay(targetPort: number, port = 0) {
  const sockets = new Set<Socket>();
  let silent = false;
  const server = createServer({ allowHalfOpen: true }, (near) => {
    const far = connect({ port: targetPort, host: '127.0.0.1', allowHalfOpen: true });
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from);
      from.on('error', () => {});
      from.on('close', () => to.destroy());
      from.on('data', (bytes) => silent || to.write(bytes));
      from.on('end', () => silent || to.end());
    }
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    goSilent: () => {
      silent = true;
    },
    speakAgain: () => {
      silent = false;
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

/** A .p8 file as Apple hands it out, with its public half. */
export function aSigningKey(): { keyPem: string; publicKeyPem: string } {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return {
    keyPem: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    publicKeyPem: publicKey.export({ type: 'spki', format: 'pem' }).toString(),
  };
}

const HEADERS = { 'apns-topic': 'com.example.app', 'apns-push-type': 'alert', 'apns-priority': '10' };

/** A push to the device token that begins with `prefix` (hexadecimal) and ends with `number`. */
export function aPush(number: number, prefix = 'aa'): ApnsRequest {
  const suffix = number.toString(16);
  return {
    deviceToken: prefix + suffix.padStart(64 - prefix.length, '0'),
    apnsId: `00000000-0000-8000-8000-${suffix.padStart(12, '0')}`,
    headers: HEADERS,
    payload: '{"aps":{"alert":"hello"}}',
  };
}

/** Waits for a condition that events bring about; fails after 15 s. */
export async function eventually(reached: () => boolean): Promise<void> {
  const giveUpAt = Date.now() + 15_000;
  while (!reached()) {
    if (Date.now() > giveUpAt) throw new Error(`never came true: ${reached}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}
