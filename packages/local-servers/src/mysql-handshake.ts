import { connect } from 'node:net';

/** The first packet of a MySQL or MariaDB server: a greeting, a refusal, or not yet complete. */
export type Handshake =
  | { readonly kind: 'greeting'; readonly version: string }
  | { readonly kind: 'refusal'; readonly code: number }
  | { readonly kind: 'incomplete' };

/**
 * Connects to 127.0.0.1 and reads the server's first packet; nobody logs in. A server that has a port but
 * is not ready (Docker's proxy, MySQL while it recovers) sends none. Rejects after `timeoutMs`.
 */
export function readHandshake(port: number, timeoutMs = 1_000): Promise<Handshake> {
  return new Promise((resolve, reject) => {
    let received = Buffer.alloc(0);
    const socket = connect(port, '127.0.0.1');
    socket.setTimeout(timeoutMs, () => socket.destroy(new Error(`no MySQL handshake on port ${port}`)));
    socket.on('data', (bytes) => {
      received = Buffer.concat([received, bytes]);
      if (parseHandshake(received).kind !== 'incomplete') socket.end();
    });
    socket.on('error', reject);
    socket.on('close', () => resolve(parseHandshake(received)));
  });
}

/** Reads a server's first packet: 3 bytes length, 1 byte sequence, then protocol 10 or an error (255). */
export function parseHandshake(bytes: Buffer): Handshake {
  if (bytes.length < 4 || bytes.length < 4 + bytes.readUIntLE(0, 3)) return { kind: 'incomplete' };
  const payload = bytes.subarray(4, 4 + bytes.readUIntLE(0, 3));
  if (payload[0] === 10) {
    return { kind: 'greeting', version: payload.toString('latin1', 1, payload.indexOf(0, 1)) };
  }
  return { kind: 'refusal', code: payload.length >= 3 ? payload.readUInt16LE(1) : 0 };
}
