/** The TLS connection under an HTTP/2 session: directly or through a CONNECT proxy, TLS 1.2 or newer. */
import { isIP } from 'node:net';
import * as tls from 'node:tls';
import type { ApnsCredential } from './credential.ts';
import { openProxyTunnel, type ProxyAddress } from './proxy-tunnel.ts';

export interface TransportOptions {
  readonly host: string;
  readonly port: number;
  readonly credential: ApnsCredential;
  /** PEM; trusted besides Node's own roots, never instead of them. */
  readonly ca?: string;
  readonly proxy?: ProxyAddress;
}

/**
 * Opens one socket. Resolves while it is still connecting: whoever takes it listens to its 'error'.
 * The name is resolved anew each time, as Apple asks (A-send). Rejects if the proxy refuses.
 */
export type OpenTransport = (signal: AbortSignal) => Promise<tls.TLSSocket>;

/**
 * Throws if the certificates cannot be read. They are parsed once, not for each connection, and a later
 * connection resumes the TLS session of an earlier one; where the server refuses, the handshake is a full one.
 */
export function createTransport(options: TransportOptions): OpenTransport {
  const { host, port, proxy } = options;
  const common: tls.ConnectionOptions = {
    host,
    port,
    servername: isIP(host) === 0 ? host : '',
    ALPNProtocols: ['h2'],
    secureContext: createContext(options),
  };
  // The server's last ticket. OpenSSL keeps with it what the check of the certificate said.
  let session: Buffer | undefined;
  return async (signal) => {
    const tunnel = proxy && (await openProxyTunnel(proxy, `${bracketed(host)}:${port}`, signal));
    const socket = tls.connect({ ...common, session, ...(tunnel && { socket: tunnel }) });
    socket.on('session', (ticket) => {
      session = ticket;
    });
    // Errors belong to whoever uses the socket; in between none may become an uncaught exception. Should the
    // ticket be what a broken server trips over, the next connection does without.
    socket.on('error', () => {
      session = undefined;
    });
    tunnel?.on('error', (error) => socket.destroy(error));
    socket.once('secureConnect', () => {
      if (socket.alpnProtocol === 'h2') return;
      const error = new Error(`${bracketed(host)}:${port} does not speak HTTP/2`);
      // Not in this event: Node's HTTP/2 session sets itself up in it, and aborts the process without a handle.
      process.nextTick(() => socket.destroy(error));
    });
    return socket;
  };
}

/** The host as it stands in an URL or an :authority header. */
export function bracketed(host: string): string {
  return isIP(host) === 6 ? `[${host}]` : host;
}

function createContext({ credential, ca }: TransportOptions): tls.SecureContext {
  const identity =
    credential.kind === 'certificate'
      ? { cert: credential.certPem, key: credential.keyPem, passphrase: credential.passphrase }
      : {};
  const trust = ca === undefined ? {} : { ca: [...tls.rootCertificates, ca] };
  return tls.createSecureContext({ minVersion: 'TLSv1.2', ...identity, ...trust });
}
