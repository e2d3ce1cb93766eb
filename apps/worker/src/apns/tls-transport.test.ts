import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect, createServer as createTcpServer, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { makeServerCertificate } from '@pushfleet/apns-simulator/certificate';
import { type Simulator, startSimulator } from '@pushfleet/apns-simulator/simulator';
import { acceptAfter, aPush, startScriptedServer } from '../../../../tests/harness/apns-peers.ts';
import { answerOf, CONNECTORS } from '../../../../tests/harness/connectors.ts';
import type { ApnsConnection } from './apns-connection.ts';
import { readCertificateCredential } from './credential.ts';
import type { TransportOptions } from './tls-transport.ts';

const client = await makeServerCertificate([]);
const credential = readCertificateCredential({
  certPem: client.certificatePem,
  keyPem: client.privateKeyPem,
});
let apns: Simulator;
let port: number;
beforeAll(async () => {
  apns = await startSimulator();
  port = Number(new URL(apns.url).port);
});
afterAll(() => apns.close());

/** The one sentence that `ready` and 'dead' tell alike. */
async function failure(connection: ApnsConnection): Promise<string> {
  const details: string[] = [];
  connection.on((event) => event.type === 'dead' && details.push(event.detail));
  const error: Error = await connection.ready.then(
    () => new Error('it became ready'),
    (reason) => reason,
  );
  expect(details).toEqual([error.message]);
  return error.message;
}

async function pushThrough(connection: ApnsConnection): Promise<void> {
  await connection.ready;
  expect(await answerOf(connection, aPush(1), 5_000)).toMatchObject({ status: 200 });
  await connection.drain();
}

async function listen<T extends { listen(port: number, host: string): unknown; address(): unknown }>(
  server: T,
) {
  server.listen(0, '127.0.0.1');
  await once(server as never, 'listening');
  return (server.address() as AddressInfo).port;
}

/** A CONNECT proxy; `answer` is what it says to each request. */
async function startProxy(answer: (socket: Socket, target: string) => void) {
  const sockets = new Set<Socket>();
  const server: Server = createServer((_, response) => void response.writeHead(405).end());
  server.on('connect', (request, socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    answer(socket, request.url!);
  });
  const cut = () => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    address: { host: '127.0.0.1', port: await listen(server) },
    cut,
    async close() {
      cut();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

function tunnel(socket: Socket, target: string): void {
  const far = connect(Number(target.split(':')[1]), '127.0.0.1');
  far.on('error', () => socket.destroy());
  far.on('close', () => socket.destroy());
  socket.on('close', () => far.destroy());
  socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
  socket.pipe(far).pipe(socket);
}

describe.each(CONNECTORS)('%s', (_, createConnector) => {
  function open(options: Partial<TransportOptions> = {}): ApnsConnection {
    return createConnector({ host: 'localhost', port, credential, ca: apns.caPem, ...options })();
  }

  test('a client certificate stands in for the provider token', async () => {
    apns.reset();
    await pushThrough(open());
    expect(apns.answers()).toEqual({ '200': 1 });
  });

  test('by address: no server name is sent, the certificate is checked all the same', async () => {
    await pushThrough(open({ host: '127.0.0.1' }));
  });

  test('through a proxy, with our CA and our certificate', async () => {
    const targets: string[] = [];
    const proxy = await startProxy((socket, target) => {
      targets.push(target);
      tunnel(socket, target);
    });
    await pushThrough(open({ proxy: proxy.address }));
    expect(targets).toEqual([`localhost:${port}`]);
    await proxy.close();
  });

  test('a proxy that says no is told with its status', async () => {
    const proxy = await startProxy((socket) =>
      socket.end('HTTP/1.1 407 Proxy Authentication Required\r\n\r\n'),
    );
    expect(await failure(open({ proxy: proxy.address }))).toBe(
      `proxy 127.0.0.1:${proxy.address.port} refused the tunnel to localhost:${port}: 407`,
    );
    await proxy.close();
  });

  test('a proxy that is not there', async () => {
    const proxy = await startProxy(() => {});
    await proxy.close();
    expect(await failure(open({ proxy: proxy.address }))).toMatch(
      /^proxy .* cannot be reached: connect ECONNREFUSED/,
    );
  });

  test('a proxy that never answers is left by destroy', async () => {
    let hungUp: Promise<unknown> | undefined;
    const proxy = await startProxy((socket) => {
      hungUp = once(socket.resume(), 'end');
      connection.destroy('took too long');
    });
    const connection = open({ proxy: proxy.address });
    expect(await failure(connection)).toBe('took too long');
    await hungUp;
    await proxy.close();
  });

  test('a proxy that dies under an open connection', async () => {
    const proxy = await startProxy(tunnel);
    const connection = open({ proxy: proxy.address });
    await connection.ready;
    const ended = new Promise<string>((resolve) => {
      connection.on((event) => event.type === 'dead' && resolve(event.detail));
    });
    proxy.cut();
    await ended;
    await proxy.close();
  });

  test('a certificate from an unknown CA is refused: ours is added, nothing is switched off', async () => {
    expect(await failure(open({ ca: undefined }))).toMatch(/self-signed certificate/);
    expect(await failure(open({ ca: client.certificatePem }))).toMatch(/self-signed certificate/);
  });

  test('a certificate for another name is refused, through a proxy too', async () => {
    const proxy = await startProxy(tunnel);
    expect(await failure(open({ host: 'api.example', proxy: proxy.address }))).toMatch(/altnames/);
    await proxy.close();
  });

  test('nobody listens', async () => {
    const server = createTcpServer();
    const free = await listen(server);
    await new Promise((resolve) => server.close(resolve));
    expect(await failure(open({ port: free }))).toMatch(/ECONNREFUSED/);
  });

  test('a name that does not resolve', async () => {
    expect(await failure(open({ host: 'nowhere.invalid' }))).toMatch(/ENOTFOUND|EAI_AGAIN/);
  });

  test.each([
    [
      'speaks HTTP/1.1 only',
      { ALPNProtocols: ['http/1.1'] },
      /alert no application protocol|does not speak HTTP\/2/,
    ],
    ['knows no ALPN', {}, /does not speak HTTP\/2/],
    [
      'is older than TLS 1.2',
      { maxVersion: 'TLSv1.1', minVersion: 'TLSv1' },
      /protocol|alert|reset|hang up/i,
    ],
  ] as const)('a server that %s is refused', async (_, settings, sentence) => {
    const { certificatePem: cert, privateKeyPem: key } = await makeServerCertificate([]);
    const server = createTlsServer({
      cert,
      key,
      ...settings,
      ALPNProtocols: 'ALPNProtocols' in settings ? [...settings.ALPNProtocols] : undefined,
    });
    server.on('tlsClientError', () => {}).on('connection', (socket) => socket.on('error', () => {}));
    expect(await failure(open({ port: await listen(server), ca: cert }))).toMatch(sentence);
    await new Promise<void>((resolve) => server.close(() => resolve()));
  });

  test('a later connection resumes the TLS session; a ticket that the server refuses costs a full handshake', async () => {
    const { connector, server, resumed } = await resumable();
    for (let count = 0; count < 3; count++) await pushThrough(connector());
    expect(resumed).toEqual([false, true, true]);
    server.server.setTicketKeys(randomBytes(48));
    for (let count = 0; count < 2; count++) await pushThrough(connector());
    expect(resumed).toEqual([false, true, true, false, true]);
    await server.close();
  });

  test('a server that is another by now is not trusted for the ticket of the one before', async () => {
    const { connector, server, resumed } = await resumable();
    await pushThrough(connector());
    server.server.setSecureContext({ cert: client.certificatePem, key: client.privateKeyPem });
    server.server.setTicketKeys(randomBytes(48));
    expect(await failure(connector())).toMatch(/self-signed certificate/);
    expect(resumed.slice(0, 1)).toEqual([false]);
    await server.close();
  });

  test('a certificate that was refused once is refused again', async () => {
    const connector = createConnector({ host: 'localhost', port, credential });
    for (let count = 0; count < 3; count++) expect(await failure(connector())).toMatch(/self-signed/);
  });

  /** A server that tells which of its connections were resumed. */
  async function resumable() {
    const server = await startScriptedServer(
      10,
      acceptAfter(async () => {}),
    );
    const resumed: boolean[] = [];
    server.server.on('secureConnection', (socket) => resumed.push(socket.isSessionReused()));
    const connector = createConnector({ host: 'localhost', port: server.port, ca: server.caPem, credential });
    return { connector, server, resumed };
  }

  test('a server that closes at once', async () => {
    const server = createTcpServer((socket) => socket.destroy());
    expect(await failure(open({ port: await listen(server) }))).toMatch(
      /disconnected before secure TLS|ECONNRESET/,
    );
    await new Promise((resolve) => server.close(resolve));
  });
});
