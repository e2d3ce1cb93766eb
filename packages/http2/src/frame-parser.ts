/**
 * From octets to frames that are sound in themselves: sizes, padding, streams that a type belongs on,
 * whole header blocks, no floods (RFC 9113, sections 4 and 6). What a frame means is for the handler.
 */
import { FloodGuard } from './flood-guard.ts';
import { FrameReader } from './frame-reader.ts';
import { HeaderBlocks } from './header-blocks.ts';
import { ConnectionError, ErrorCode, Flag, FrameType } from './protocol.ts';

/** Payloads are `bytes[start..end)`, and are there only during the call. */
export interface FrameHandler {
  settings(bytes: Buffer, start: number, end: number): void;
  ping(payload: Buffer): void;
  pong(payload: Buffer): void;
  goaway(lastStreamId: number, code: number, debugData: string): void;
  /** `increment` may be 0, which is an error of the peer's. */
  windowUpdate(streamId: number, increment: number): void;
  reset(streamId: number, code: number): void;
  /** `octets`: what counts for flow control, padding included. */
  data(streamId: number, isLast: boolean, bytes: Buffer, start: number, end: number, octets: number): void;
  headers(streamId: number, isLast: boolean, bytes: Buffer, start: number, end: number): void;
}

export class FrameParser {
  settingsSeen = false;
  #stopped = false;
  #nowMs = 0;
  readonly #guard = new FloodGuard();
  readonly #reader = new FrameReader((type, flags, streamId, bytes, start, end) =>
    this.#onFrame(type, flags, streamId, bytes, start, end),
  );
  readonly #blocks: HeaderBlocks;

  constructor(private readonly handler: FrameHandler) {
    this.#blocks = new HeaderBlocks((streamId, isLast, bytes, start, end) =>
      handler.headers(streamId, isLast, bytes, start, end),
    );
  }

  /**
   * Takes octets. `nowMs` never goes back.
   *
   * @throws ConnectionError for what the peer may not do; the parser is of no use afterwards
   */
  push(chunk: Buffer, nowMs: number): void {
    this.#nowMs = nowMs;
    this.#reader.push(chunk);
  }

  /** Nothing more is told, not even what has come already. */
  stop(): void {
    this.#stopped = true;
  }

  /** For what only the handler can see to be of no use: the peer may do it, but not for ever. */
  countIdle(): void {
    this.#guard.count(this.#nowMs);
  }

  /** A request begins, which makes some of those likely. */
  noteRequest(): void {
    this.#guard.noteRequest();
  }

  #onFrame(type: number, flags: number, streamId: number, bytes: Buffer, start: number, end: number): void {
    if (this.#stopped) return;
    const size = end - start;
    if (!this.settingsSeen && (type !== FrameType.SETTINGS || flags & Flag.ACK))
      throw protocolError('the first frame is not SETTINGS');
    if (this.#blocks.openStreamId !== 0 && type !== FrameType.CONTINUATION)
      throw protocolError('a frame in the middle of a header block');
    switch (type) {
      case FrameType.HEADERS:
        if (streamId === 0) throw protocolError('HEADERS on stream 0');
        if (size === 0 || (flags & Flag.END_HEADERS) === 0) this.countIdle();
        return void this.#blocks.headers(flags, streamId, bytes, start, end);
      case FrameType.DATA:
        return void this.#onData(flags, streamId, bytes, start, end);
      case FrameType.WINDOW_UPDATE:
        demandSize(size, 4, 'WINDOW_UPDATE');
        return void this.handler.windowUpdate(streamId, bytes.readUInt32BE(start) & 0x7fffffff);
      case FrameType.RST_STREAM:
        demandSize(size, 4, 'RST_STREAM');
        return void this.handler.reset(streamId, bytes.readUInt32BE(start));
      case FrameType.CONTINUATION:
        this.countIdle();
        return void this.#blocks.continuation(flags, streamId, bytes, start, end);
      case FrameType.SETTINGS:
        demandConnection(streamId, 'SETTINGS');
        this.countIdle();
        if (flags & Flag.ACK) return void demandSize(size, 0, 'SETTINGS ACK');
        this.settingsSeen = true;
        return void this.handler.settings(bytes, start, end);
      case FrameType.PING:
        demandConnection(streamId, 'PING');
        demandSize(size, 8, 'PING');
        this.countIdle();
        if (flags & Flag.ACK) return void this.handler.pong(bytes.subarray(start, end));
        return void this.handler.ping(bytes.subarray(start, end));
      case FrameType.GOAWAY:
        demandConnection(streamId, 'GOAWAY');
        if (size < 8) demandSize(size, 8, 'GOAWAY');
        this.countIdle();
        return void this.handler.goaway(
          bytes.readUInt32BE(start) & 0x7fffffff,
          bytes.readUInt32BE(start + 4),
          bytes.toString('utf8', start + 8, end),
        );
      case FrameType.PUSH_PROMISE:
        throw protocolError('PUSH_PROMISE, which nobody allowed');
      case FrameType.PRIORITY:
        if (streamId === 0) throw protocolError('PRIORITY on stream 0');
        demandSize(size, 5, 'PRIORITY');
        return void this.countIdle();
      default:
        // Unknown types are passed over (RFC 9113, 5.5).
        return void this.countIdle();
    }
  }

  #onData(flags: number, streamId: number, bytes: Buffer, start: number, end: number): void {
    const isPadded = (flags & Flag.PADDED) !== 0;
    if (isPadded && start === end)
      throw new ConnectionError(ErrorCode.FRAME_SIZE_ERROR, 'DATA too short for its flags');
    const from = isPadded ? start + 1 : start;
    const to = end - (isPadded ? bytes[start]! : 0);
    if (to < from) throw protocolError('DATA with more padding than payload');
    const isLast = (flags & Flag.END_STREAM) !== 0;
    if (from === to && !isLast) this.countIdle();
    this.handler.data(streamId, isLast, bytes, from, to, end - start);
  }
}

function demandSize(size: number, wanted: number, frame: string): void {
  if (size !== wanted)
    throw new ConnectionError(ErrorCode.FRAME_SIZE_ERROR, `${frame} of ${size} octets instead of ${wanted}`);
}

function demandConnection(streamId: number, frame: string): void {
  if (streamId !== 0) throw protocolError(`${frame} on stream ${streamId}`);
}

function protocolError(what: string): ConnectionError {
  return new ConnectionError(ErrorCode.PROTOCOL_ERROR, what);
}
