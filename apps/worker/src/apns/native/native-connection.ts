/** A connection over our own HTTP/2 client: one TLS socket, many requests in one write, answers read in bulk. */
import type { TLSSocket } from 'node:tls';
import type { ClientStream } from '@pushfleet/http2/client-stream';
import { Http2Client } from '@pushfleet/http2/http2-client';
import {
  type ApnsConnection,
  type ApnsRequest,
  type ConnectionEvent,
  type OpenConnection,
  type Settle,
  settleUnsent,
} from '../apns-connection.ts';
import { readBody } from '../refusal-body.ts';
import { bracketed, createTransport, type OpenTransport, type TransportOptions } from '../tls-transport.ts';
import { Deadlines } from './deadlines.ts';
import { toAnswer } from './push-answer.ts';
import { PushFields } from './push-fields.ts';
import { SocketOutput } from './socket-output.ts';

export interface NativeOptions extends TransportOptions {
  /** The provider token to send now; left out with a certificate. */
  readonly providerToken?: () => string;
}

/** Throws if a certificate cannot be read. The function that it returns never throws. */
export function createNativeConnector(options: NativeOptions): OpenConnection {
  const openTransport = createTransport(options);
  const host = bracketed(options.host);
  const authority = options.port === 443 ? host : `${host}:${options.port}`;
  return () => new NativeConnection(openTransport, authority, options.providerToken);
}

const LINGER_MS = 1_000;
const WANTED_FIELDS = new Set(['retry-after']);
const ignore = () => {};

class NativeConnection implements ApnsConnection {
  readonly ready: Promise<void>;
  streamLimit = 0;
  #socket: TLSSocket | undefined;
  #settingsSeen = false;
  #draining = false;
  #closing = false;
  #dead = false;
  #cause = '';
  #handedOverUpTo = -1;
  #lastRead = performance.now();
  #pingsSent = 0;
  #payloadText = '';
  #payload: Buffer = Buffer.alloc(0);
  readonly #pings = new Map<number, (error?: Error) => void>();
  readonly #listeners: Array<(event: ConnectionEvent) => void> = [];
  readonly #abort = new AbortController();
  readonly #client = new Http2Client(
    {
      settings: () => this.#onSettings(),
      goaway: (_, code, debugData) => this.#onGoaway(code, debugData),
      pong: (payload) => this.#pings.get(payload.readUInt32BE(4))?.(),
      failed: (error) => this.#fail(error),
    },
    { wantedFields: WANTED_FIELDS },
  );
  readonly #fields: PushFields;
  readonly #out = new SocketOutput(
    this.#client.output,
    () => {
      this.#handedOverUpTo = this.#client.lastStreamId;
    },
    () => this.destroy('the server reads nothing of what is sent'),
  );
  readonly #deadlines = new Deadlines<ClientStream>(
    () => this.#client.openStreams(),
    (stream) => {
      this.#client.cancel(stream);
      this.#out.flushSoon();
    },
  );
  readonly #whenDead: Promise<void>;
  #resolveDead!: () => void;
  #resolveReady!: () => void;
  #rejectReady!: (error: Error) => void;

  constructor(openTransport: OpenTransport, authority: string, providerToken: (() => string) | undefined) {
    this.#fields = new PushFields(this.#client.encoder, authority, providerToken);
    this.ready = new Promise((resolve, reject) => {
      this.#resolveReady = resolve;
      this.#rejectReady = reject;
    });
    this.ready.catch(ignore);
    this.#whenDead = new Promise((resolve) => {
      this.#resolveDead = resolve;
    });
    void this.#start(openTransport);
  }

  get isWindowFull(): boolean {
    return this.#client.isWindowFull;
  }

  send(request: ApnsRequest, timeoutMs: number, settle: Settle): void {
    const isOpen = this.#settingsSeen && !this.#draining && !this.#dead;
    const stream = isOpen ? this.#post(request, settle) : undefined;
    if (stream === undefined)
      return void settleUnsent(settle, this.#cause || 'the connection takes no new requests');
    this.#deadlines.add(stream, timeoutMs);
    this.#out.flushSoon();
  }

  ping(timeoutMs: number): Promise<void> {
    if (this.#dead || this.#socket === undefined) return Promise.reject(new Error('no ping could be sent'));
    const number = this.#pingsSent++ >>> 0;
    const payload = Buffer.alloc(8);
    payload.writeUInt32BE(number, 4);
    this.#client.sendPing(payload);
    this.#out.flushSoon();
    return new Promise((resolve, reject) => {
      const end = (error?: Error) => {
        this.#pings.delete(number);
        clearTimeout(deadline);
        if (error) reject(error);
        else resolve();
      };
      const deadline = setTimeout(() => end(new Error(`no pong after ${timeoutMs} ms`)), timeoutMs);
      this.#pings.set(number, end);
    });
  }

  drain(): Promise<void> {
    if (!this.#draining && !this.#dead) {
      this.#draining = true;
      if (this.#settingsSeen) this.#closeIfDone();
      else this.destroy('drained before it was ready');
    }
    return this.#whenDead;
  }

  destroy(why: string): void {
    if (this.#dead) return;
    this.#cause ||= why;
    this.#dead = true;
    this.#abort.abort();
    this.#socket?.destroy();
    this.#deadlines.clear();
    this.#client.lose();
    for (const end of this.#pings.values()) end(new Error(this.#cause));
    this.#rejectReady(new Error(this.#cause));
    this.#resolveDead();
    this.#emit({ type: 'dead', detail: this.#cause });
  }

  on(listener: (event: ConnectionEvent) => void): void {
    this.#listeners.push(listener);
  }

  lastReadAt(): number {
    return this.#lastRead;
  }

  async #start(openTransport: OpenTransport): Promise<void> {
    try {
      const socket = await openTransport(this.#abort.signal);
      this.#socket = socket;
      if (this.#dead) return void socket.destroy();
      socket.setNoDelay(true);
      socket.once('error', (error) => this.#note(error.message));
      socket.once('close', () => this.destroy('the server closed the connection'));
      // Whoever does not speak HTTP/2 gets no request: the transport ends such a connection.
      socket.once('secureConnect', () => {
        socket.once('end', () => this.destroy('the server closed the connection'));
        if (socket.alpnProtocol === 'h2') this.#out.open(socket);
      });
      socket.on('data', (chunk) => this.#onData(chunk));
    } catch (error) {
      this.destroy((error as Error).message);
    }
  }

  #post(request: ApnsRequest, settle: Settle): ClientStream | undefined {
    return this.#client.request(
      (out) => this.#fields.write(out, request),
      this.#encoded(request.payload),
      (end, stream) => {
        settle(toAnswer(end, stream, this.#handedOverUpTo, this.#cause));
        if (this.#draining) this.#closeIfDone();
      },
    );
  }

  /** The payload is one string for a whole batch. */
  #encoded(payload: string): Buffer {
    if (payload !== this.#payloadText) {
      this.#payloadText = payload;
      this.#payload = Buffer.from(payload);
    }
    return this.#payload;
  }

  #onData(chunk: Buffer): void {
    this.#lastRead = performance.now();
    this.#client.receive(chunk, this.#lastRead);
    if (this.#client.output.length > 0) this.#out.flushSoon();
  }

  #onSettings(): void {
    this.streamLimit = this.#client.peer.maxConcurrentStreams;
    this.#settingsSeen = true;
    this.#resolveReady();
    this.#emit({ type: 'streamLimit' });
  }

  #onGoaway(code: number, debugData: string): void {
    const { reason } = readBody(debugData);
    this.#note(`APNs sent GOAWAY (code ${code}${reason && `, ${reason}`})`);
    this.#draining = true;
    this.#closeIfDone();
    // After an error some answers may still come, but the end need not.
    if (code !== 0) this.#destroySoon();
    this.#emit({ type: 'goaway', code, reason });
  }

  /** The server broke the protocol. Our GOAWAY, which says how, leaves before the socket is closed. */
  #fail(error: Error): void {
    this.#note(`the server broke HTTP/2: ${error.message}`);
    this.#draining = true;
    this.#out.flush();
    setImmediate(() => this.destroy(this.#cause));
  }

  #note(cause: string): void {
    this.#cause ||= cause;
  }

  /** A peer that does not close its side within a second is not waited for. */
  #closeIfDone(): void {
    if (!this.#draining || this.#client.open > 0 || this.#closing || this.#dead) return;
    this.#closing = true;
    this.#note('drained');
    this.#client.close();
    this.#out.end();
    this.#destroySoon();
  }

  #destroySoon(): void {
    setTimeout(() => this.destroy(this.#cause), LINGER_MS).unref();
  }

  #emit(event: ConnectionEvent): void {
    for (const listener of this.#listeners) listener(event);
  }
}
