/**
 * One connection to APNs over a node:http2 session: events, deadlines, and an end that is certain
 * even when the peer is silent. Who makes the session and writes the requests is passed in.
 */
import type { ClientHttp2Session, ClientHttp2Stream } from 'node:http2';
import type { TLSSocket } from 'node:tls';
import {
  type ApnsConnection,
  type ApnsRequest,
  type ConnectionEvent,
  type Settle,
  settleUnsent,
} from './apns-connection.ts';
import { type ConnectionFate, watchExchange } from './push-exchange.ts';
import { readBody } from './refusal-body.ts';
import type { OpenTransport } from './tls-transport.ts';

/** The client library under one connection. */
export interface PushWriter {
  /** The session over this socket, which may still be connecting. Rejects if it cannot be made. */
  connect(socket: TLSSocket): Promise<ClientHttp2Session>;
  /** Opens one stream and writes the request; undefined if the session takes no new streams. */
  post(request: ApnsRequest): ClientHttp2Stream | undefined;
}

const LINGER_MS = 1_000;
const ignore = () => {};

export class Http2Connection implements ApnsConnection {
  readonly ready: Promise<void>;
  streamLimit = 0;
  #session: ClientHttp2Session | undefined;
  #socket: TLSSocket | undefined;
  #open = 0;
  #settingsSeen = false;
  #draining = false;
  #closing = false;
  #dead = false;
  #cause = '';
  #goawayLastId: number | undefined;
  #goawayFailed = false;
  #lastRead = performance.now();
  /** Octets, as far as is known in this turn of the event loop. */
  #windowLeft: number | null = null;
  readonly #listeners: Array<(event: ConnectionEvent) => void> = [];
  readonly #abort = new AbortController();
  readonly #whenDead: Promise<void>;
  #resolveDead!: () => void;
  #resolveReady!: () => void;
  #rejectReady!: (error: Error) => void;

  /** Never throws; whatever fails while opening is told by `ready` and 'dead'. */
  constructor(
    openTransport: OpenTransport,
    private readonly writer: PushWriter,
  ) {
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

  /** Node tells what is left of the window once a turn has been written; what was posted since is ours to count. */
  get isWindowFull(): boolean {
    if (this.#session === undefined || this.#session.destroyed) return false;
    if (this.#windowLeft === null) {
      this.#windowLeft = this.#session.state.remoteWindowSize ?? Number.POSITIVE_INFINITY;
      setImmediate(this.#forgetWindow);
    }
    return this.#windowLeft <= 0;
  }

  send(request: ApnsRequest, timeoutMs: number, settle: Settle): void {
    if (this.#session === undefined || this.#draining || this.#dead)
      return void settleUnsent(settle, this.#cause || 'the connection takes no new requests');
    const stream = this.writer.post(request);
    if (stream === undefined)
      return void settleUnsent(settle, this.#cause || 'the session was closed before the request');
    if (this.#windowLeft !== null) this.#windowLeft -= request.payload.length;
    this.#open++;
    watchExchange(stream, timeoutMs, this.#fate, this.#heard, (answer) => {
      this.#open--;
      this.#closeIfDone();
      settle(answer);
    });
  }

  ping(timeoutMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const deadline = setTimeout(() => reject(new Error(`no pong after ${timeoutMs} ms`)), timeoutMs);
      const fail = (error: Error) => {
        clearTimeout(deadline);
        reject(error);
      };
      try {
        const sent = this.#session?.ping((error) => {
          if (error) return fail(error);
          this.#heard();
          clearTimeout(deadline);
          resolve();
        });
        if (!sent) fail(new Error('no ping could be sent'));
      } catch (error) {
        fail(error as Error);
      }
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
    this.#abort.abort();
    if (this.#session && !this.#session.destroyed) this.#session.destroy();
    // The session would wait for the peer to close; a silent one never does.
    this.#socket?.destroy();
    this.#die();
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
      socket.once('error', (error) => this.#note(error.message));
      this.#adopt(await this.writer.connect(socket));
    } catch (error) {
      this.destroy((error as Error).message);
    }
  }

  #adopt(session: ClientHttp2Session): void {
    this.#session = session;
    session.on('error', (error) => this.#note(error.message));
    session.on('close', () => this.destroy('the server closed the connection'));
    session.on('remoteSettings', (settings) => {
      this.#heard();
      this.streamLimit = settings.maxConcurrentStreams ?? Number.POSITIVE_INFINITY;
      this.#settingsSeen = true;
      this.#resolveReady();
      this.#emit({ type: 'streamLimit' });
    });
    session.on('goaway', (code, lastId, data) => this.#onGoaway(code, lastId, data));
    if (this.#dead) session.destroy();
  }

  #onGoaway(code: number, lastId: number, data?: NodeJS.ArrayBufferView): void {
    this.#heard();
    const { reason } = readBody(
      data ? Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString() : '',
    );
    this.#goawayLastId = lastId;
    this.#goawayFailed ||= code !== 0;
    this.#note(`APNs sent GOAWAY (code ${code}${reason && `, ${reason}`})`);
    // Node closes the session in this same event; a request() from now on would throw.
    this.#draining = true;
    this.#closeIfDone();
    this.#emit({ type: 'goaway', code, reason });
  }

  readonly #fate = (): ConnectionFate => ({
    goawayLastId: this.#goawayLastId,
    goawayFailed: this.#goawayFailed,
    cause: this.#cause || 'the connection was lost',
  });

  readonly #forgetWindow = () => {
    this.#windowLeft = null;
  };

  readonly #heard = () => {
    this.#lastRead = performance.now();
  };

  #note(cause: string): void {
    this.#cause ||= cause;
  }

  /**
   * Our GOAWAY goes out only now: nghttp2 writes it before the HEADERS of streams just opened, and the
   * server then refuses them. A peer that does not close its side within a second is not waited for.
   */
  #closeIfDone(): void {
    if (!this.#draining || this.#open > 0 || this.#closing || this.#dead) return;
    this.#closing = true;
    this.#note('drained');
    this.#session?.close();
    setTimeout(() => this.destroy('drained'), LINGER_MS).unref();
  }

  #die(): void {
    this.#dead = true;
    this.#rejectReady(new Error(this.#cause));
    this.#resolveDead();
    this.#emit({ type: 'dead', detail: this.#cause });
  }

  #emit(event: ConnectionEvent): void {
    for (const listener of this.#listeners) listener(event);
  }
}
