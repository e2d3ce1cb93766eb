/**
 * A tunnel through an HTTP proxy (CONNECT). node-apn has one too, but it takes any answer of the
 * proxy for a yes, and forgets the CA and the client certificate on the way.
 */
import * as http from 'node:http';
import type { Socket } from 'node:net';

export interface ProxyAddress {
  readonly host: string;
  readonly port: number;
}

/** `target` is host:port. Rejects if the proxy cannot be reached, says no, or `signal` aborts. */
export function openProxyTunnel(proxy: ProxyAddress, target: string, signal: AbortSignal): Promise<Socket> {
  const where = `proxy ${proxy.host}:${proxy.port}`;
  return new Promise((resolve, reject) => {
    const request = http.request({
      host: proxy.host,
      port: proxy.port,
      method: 'CONNECT',
      path: target,
      headers: { host: target },
      agent: false,
      signal,
    });
    request.once('connect', (response, socket: Socket) => {
      if (response.statusCode === 200) {
        socket.on('error', () => {}); // the TLS socket on top reports it
        resolve(socket);
        return;
      }
      socket.destroy();
      reject(new Error(`${where} refused the tunnel to ${target}: ${response.statusCode}`));
    });
    request.once('response', (response) => {
      response.destroy();
      reject(new Error(`${where} is no CONNECT proxy: it answered ${response.statusCode}`));
    });
    request.on('error', (error) => reject(new Error(`${where} cannot be reached: ${error.message}`)));
    request.end();
  });
}
