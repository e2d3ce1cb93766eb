/**
 * One client connection of the fast mode, on the framing that the native session uses too: what a push
 * is made of is looked at, nothing is kept, everything whole is accepted.
 */
import type { TLSSocket } from 'node:tls';
import { type FrameHandler, FrameParser } from '@pushfleet/http2/frame-parser';
import {
  writeData,
  writeGoaway,
  writeHeaders,
  writePing,
  writeSettings,
  writeSettingsAck,
  writeWindowUpdate,
} from '@pushfleet/http2/frame-writer';
import { HpackDecoder } from '@pushfleet/http2/hpack-decoder';
import { HpackEncoder } from '@pushfleet/http2/hpack-encoder';
import { Output } from '@pushfleet/http2/output';
import { PeerSettings } from '@pushfleet/http2/peer-settings';
import {
  CLIENT_PREFACE,
  ConnectionError,
  DEFAULT_WINDOW,
  ErrorCode,
  SettingId,
} from '@pushfleet/http2/protocol';
import { ReceiveWindow } from '@pushfleet/http2/receive-window';

export interface FastConnectionOwner {
  /** A whole request; it is answered by `answer`, now or later. */
  request(connection: FastConnection, push: FastPush): void;
}

export interface FastPush {
  readonly streamId: number;
  path: string;
  apnsId: string;
  topic: string;
  isAuthorized: boolean;
  payloadBytes: number;
}

const WINDOW = 16 * 1_048_576;

export class FastConnection implements FrameHandler {
  #warm = false;
  #prefaceLeft = CLIENT_PREFACE.length;
  /** Of the connection; bodies of refusals are small, so the windows of streams are never used up. */
  #sendWindow = DEFAULT_WINDOW;
  #flushing = false;
  #lastStreamId = 0;
  #spare: Buffer = Buffer.allocUnsafe(65_536);
  readonly #open = new Map<number, FastPush>();
  readonly #output = new Output();
  readonly #peer = new PeerSettings();
  readonly #parser = new FrameParser(this);
  readonly #decoder = new HpackDecoder();
  readonly #encoder = new HpackEncoder();
  readonly #window = new ReceiveWindow(WINDOW);

  constructor(
    private readonly socket: TLSSocket,
    private readonly owner: FastConnectionOwner,
    firstStreamLimit: number,
    private readonly nowMs: () => number = () => performance.now(),
  ) {
    socket.setNoDelay(true);
    writeSettings(this.#output, [[SettingId.MAX_CONCURRENT_STREAMS, firstStreamLimit]]);
    writeWindowUpdate(this.#output, 0, WINDOW - DEFAULT_WINDOW);
    socket.on('data', (chunk) => this.#receive(chunk));
    this.#flush();
  }

  /** Opens the connection for `streamLimit` streams at once; done once, at the first accepted push. */
  warmUp(streamLimit: number): void {
    if (this.#warm) return;
    this.#warm = true;
    this.#announce(streamLimit);
  }

  limitStreams(streamLimit: number): void {
    if (this.#warm) this.#announce(streamLimit);
  }

  goAway(code: number, reason: string): void {
    writeGoaway(this.#output, this.#lastStreamId, code, JSON.stringify({ reason }));
    this.#flush();
    if (code !== 0) this.socket.end();
  }

  drop(): void {
    this.socket.destroy();
  }

  /** Status 200 without a reason, or a refusal. */
  answer({ streamId, apnsId }: FastPush, status: number, reason = ''): void {
    if (this.socket.destroyed) return;
    const body = reason === '' ? undefined : Buffer.from(JSON.stringify({ reason }));
    const hasBody = body !== undefined && body.length <= this.#sendWindow;
    writeHeaders(this.#output, streamId, this.#peer.maxFrameSize, !hasBody, (out) => {
      this.#encoder.begin(out);
      this.#encoder.indexed(out, ':status', String(status));
      if (apnsId !== '') this.#encoder.literal(out, 'apns-id', apnsId);
    });
    if (hasBody) {
      this.#sendWindow -= body.length;
      writeData(this.#output, streamId, body, 0, body.length, true);
    }
    this.#flushSoon();
  }

  // What the parser tells.

  headers(streamId: number, isLast: boolean, bytes: Buffer, start: number, end: number): void {
    if (streamId % 2 === 0 || streamId <= this.#lastStreamId)
      throw new ConnectionError(ErrorCode.PROTOCOL_ERROR, `stream ${streamId} again`);
    this.#lastStreamId = streamId;
    const push: FastPush = {
      streamId,
      path: '',
      apnsId: '',
      topic: '',
      isAuthorized: false,
      payloadBytes: 0,
    };
    this.#decoder.decode(bytes, start, end, (name, value) => {
      if (name === ':path') push.path = value;
      else if (name === 'apns-id') push.apnsId = value;
      else if (name === 'apns-topic') push.topic = value;
      else if (name === 'authorization') push.isAuthorized = value.startsWith('bearer ');
    });
    if (isLast) return void this.owner.request(this, push);
    this.#open.set(streamId, push);
  }

  data(streamId: number, isLast: boolean, _: Buffer, start: number, end: number, octets: number): void {
    const increment = this.#window.take(octets);
    if (increment > 0) writeWindowUpdate(this.#output, 0, increment);
    const push = this.#open.get(streamId);
    if (push === undefined) return;
    push.payloadBytes += end - start;
    if (!isLast) return;
    this.#open.delete(streamId);
    this.owner.request(this, push);
  }

  settings(bytes: Buffer, start: number, end: number): void {
    this.#peer.apply(bytes, start, end, false);
    this.#encoder.setMaxTableSize(this.#peer.headerTableSize);
    writeSettingsAck(this.#output);
  }

  ping(payload: Buffer): void {
    writePing(this.#output, payload, true);
  }

  pong(): void {}

  goaway(): void {}

  windowUpdate(streamId: number, increment: number): void {
    if (streamId === 0) this.#sendWindow += increment;
  }

  reset(streamId: number): void {
    this.#open.delete(streamId);
  }

  #receive(chunk: Buffer): void {
    const skipped = Math.min(this.#prefaceLeft, chunk.length);
    this.#prefaceLeft -= skipped;
    try {
      this.#parser.push(skipped === 0 ? chunk : chunk.subarray(skipped), this.nowMs());
    } catch (error) {
      if (!(error instanceof ConnectionError)) throw error;
      this.goAway(error.code, error.message);
    }
    this.#flushSoon();
  }

  #announce(streamLimit: number): void {
    writeSettings(this.#output, [[SettingId.MAX_CONCURRENT_STREAMS, streamLimit]]);
    this.#flushSoon();
  }

  #flushSoon(): void {
    if (this.#flushing || this.#output.length === 0) return;
    this.#flushing = true;
    setImmediate(() => this.#flush());
  }

  #flush(): void {
    this.#flushing = true;
    if (this.#output.length === 0 || this.socket.destroyed) {
      this.#flushing = false;
      return;
    }
    const { bytes } = this.#output;
    this.socket.write(this.#output.take(this.#spare), () => {
      this.#spare = bytes;
      this.#flush();
    });
  }
}
