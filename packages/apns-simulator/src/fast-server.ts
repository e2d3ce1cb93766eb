/**
 * The fast mode: an APNs for benchmarks that is never the bottleneck. It counts pushes, holds answers
 * back for the latency that is set and limits streams; it runs no scripts and checks only what a sender
 * cannot get wrong by accident.
 */
import type { AddressInfo } from 'node:net';
import { createServer, type Server } from 'node:tls';
import type { ServerCertificate } from './certificate.ts';
import { FastConnection, type FastPush } from './fast-connection.ts';
import type { Ledger } from './ledger.ts';
import { LARGEST_PAYLOAD_BYTES } from './push-types.ts';
import type { Settings } from './request-handler.ts';

const PUSH = /^\/3\/device\/([0-9a-f]{2})+$/;

interface Waiting {
  readonly connection: FastConnection;
  readonly push: FastPush;
  readonly reason: string;
  readonly at: number;
}

/** Node's timers count whole milliseconds, from the start of a turn: one fires up to so much late. */
const TIMERS_ARE_LATE_MS = 1;

export class FastServer {
  readonly connections = new Set<FastConnection>();
  /** Connections since the start. */
  connects = 0;
  readonly #server: Server;
  /** Answers that the latency holds back, the oldest first. */
  #waiting: Waiting[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(
    certificate: ServerCertificate,
    private readonly settings: Settings,
    private readonly ledger: Ledger,
    firstStreamLimit: number,
    private readonly now: () => number,
  ) {
    this.#server = createServer({
      cert: certificate.certificatePem,
      key: certificate.privateKeyPem,
      minVersion: 'TLSv1.2',
      ALPNProtocols: ['h2'],
    });
    this.#server.on('tlsClientError', () => {});
    this.#server.on('secureConnection', (socket) => {
      this.connects++;
      const connection = new FastConnection(
        socket,
        { request: (from, push) => this.#onRequest(from, push) },
        firstStreamLimit,
      );
      this.connections.add(connection);
      socket.on('error', () => {}).on('close', () => this.connections.delete(connection));
    });
  }

  /** Starts to listen; returns the port. */
  async listen(port: number, host: string): Promise<number> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(port, host, resolve);
    });
    return (this.#server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    clearTimeout(this.#timer);
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const connection of this.connections) connection.drop();
    await closed;
  }

  #onRequest(connection: FastConnection, push: FastPush): void {
    const reason = faultOf(push);
    const atMs = this.now();
    if (reason === '') this.ledger.addAccepted(atMs, NOT_KEPT);
    this.ledger.addRequest(reason === '' ? '200' : `400 ${reason}`, NOT_KEPT);
    const { latencyMs } = this.settings;
    if (latencyMs === 0) return void this.#answer(connection, push, reason);
    this.#waiting.push({ connection, push, reason, at: performance.now() + latencyMs });
    this.#timer ??= setTimeout(() => this.#answerDue(), latencyMs - TIMERS_ARE_LATE_MS);
  }

  #answer(connection: FastConnection, push: FastPush, reason: string): void {
    if (reason !== '') return void connection.answer(push, 400, reason);
    connection.warmUp(this.settings.streamLimit);
    connection.answer(push, 200);
  }

  #answerDue(): void {
    this.#timer = undefined;
    const now = performance.now();
    let answered = 0;
    for (const { connection, push, reason, at } of this.#waiting) {
      // The latency may have been raised in between: whoever waits behind waits a little longer.
      if (at > now + TIMERS_ARE_LATE_MS) break;
      this.#answer(connection, push, reason);
      answered++;
    }
    this.#waiting = this.#waiting.slice(answered);
    const [next] = this.#waiting;
    if (next === undefined) return;
    const inMs = Math.max(0, next.at - now - TIMERS_ARE_LATE_MS);
    this.#timer = setTimeout(() => this.#answerDue(), inMs);
  }
}

function faultOf({ path, topic, isAuthorized, payloadBytes }: FastPush): string {
  if (!PUSH.test(path)) return 'BadPath';
  if (topic === '') return 'MissingTopic';
  if (!isAuthorized) return 'MissingProviderToken';
  if (payloadBytes === 0) return 'PayloadEmpty';
  return payloadBytes > LARGEST_PAYLOAD_BYTES ? 'PayloadTooLarge' : '';
}

/** Only totals are counted. */
function NOT_KEPT(): never {
  throw new Error('the fast mode keeps no single pushes');
}
