/**
 * The client's side of one HTTP/2 connection (RFC 9113), without a socket: octets go in by `receive`
 * and come out in `output`. Made for many small requests whose answers are small. It opens a stream for
 * each request at once; to keep to the server's limit is for its owner.
 */
import { ClientStream, type StreamEnd } from './client-stream.ts';
import { ClosedStreams } from './closed-streams.ts';
import { type FrameHandler, FrameParser } from './frame-parser.ts';
import {
  writeGoaway,
  writeHeaders,
  writePing,
  writePreface,
  writeReset,
  writeSettingsAck,
  writeWindowUpdate,
} from './frame-writer.ts';
import { HpackDecoder } from './hpack-decoder.ts';
import { HpackEncoder } from './hpack-encoder.ts';
import { OpenStreams } from './open-streams.ts';
import { Output } from './output.ts';
import { PeerSettings } from './peer-settings.ts';
import { ConnectionError, DEFAULT_WINDOW, ErrorCode, LARGEST_STREAM_ID, SettingId } from './protocol.ts';
import { ReceiveWindow } from './receive-window.ts';
import { RequestBodies } from './request-bodies.ts';
import { ResponseHead } from './response-head.ts';

export interface Http2ClientListener {
  /** The server's settings are here, or others than before. */
  settings(): void;
  /** No new streams; those above `lastStreamId` end as unprocessed, just after this. */
  goaway(lastStreamId: number, code: number, debugData: string): void;
  /** The eight octets of an answered ping. */
  pong(payload: Buffer): void;
  /** The server broke the protocol. GOAWAY is in the output; nothing more is read. */
  failed(error: ConnectionError): void;
}

export interface Http2ClientOptions {
  /** Names of response fields that are kept. */
  readonly wantedFields?: ReadonlySet<string>;
  /** What is kept of a response's body. Default 16,384. */
  readonly maxResponseBytes?: number;
  /** Odd. Default 1. */
  readonly firstStreamId?: number;
}

/** The window of the connection for what comes in. */
const CONNECTION_WINDOW = 1_048_576;
const HEADER_LIST_OCTETS = 65_536;
const OUR_SETTINGS = [
  [SettingId.ENABLE_PUSH, 0],
  [SettingId.MAX_HEADER_LIST_SIZE, HEADER_LIST_OCTETS],
] as const;

export class Http2Client implements FrameHandler {
  readonly output = new Output();
  readonly peer = new PeerSettings();
  readonly encoder = new HpackEncoder();
  #nextStreamId: number;
  #ended = false;
  #goawayLastId = Number.POSITIVE_INFINITY;
  readonly #streams = new OpenStreams();
  readonly #closed = new ClosedStreams();
  readonly #parser = new FrameParser(this);
  readonly #window = new ReceiveWindow(CONNECTION_WINDOW);
  readonly #bodies = new RequestBodies(this.output);
  readonly #decoder = new HpackDecoder({ maxListSize: HEADER_LIST_OCTETS });
  readonly #head: ResponseHead;
  readonly #maxResponseBytes: number;

  /** The preface is in the output at once. */
  constructor(
    private readonly listener: Http2ClientListener,
    { wantedFields = new Set(), maxResponseBytes = 16_384, firstStreamId = 1 }: Http2ClientOptions = {},
  ) {
    this.#nextStreamId = firstStreamId;
    this.#head = new ResponseHead(wantedFields);
    this.#maxResponseBytes = maxResponseBytes;
    writePreface(this.output, OUR_SETTINGS, CONNECTION_WINDOW - DEFAULT_WINDOW);
  }

  /** Streams without an end yet. */
  get open(): number {
    return this.#streams.size;
  }

  /** The server's window of the connection is used up: the body of the next request waits. */
  get isWindowFull(): boolean {
    return this.#bodies.isWindowFull;
  }

  /** Those streams, in the order in which they were opened. */
  openStreams(): readonly ClientStream[] {
    return this.#streams.all();
  }

  /** The id of the stream that was opened last; -1 before the first. */
  get lastStreamId(): number {
    return this.#nextStreamId - 2;
  }

  /**
   * Opens a stream: `encodeFields` writes the header block, `settle` is called once, when it has ended.
   * Undefined if this connection takes no new streams.
   */
  request(
    encodeFields: (out: Output) => void,
    body: Uint8Array,
    settle: (end: StreamEnd, stream: ClientStream) => void,
  ): ClientStream | undefined {
    if (this.#ended || this.#goawayLastId !== Number.POSITIVE_INFINITY) return undefined;
    if (this.#nextStreamId > LARGEST_STREAM_ID) return undefined;
    this.#parser.noteRequest();
    const id = this.#nextStreamId;
    this.#nextStreamId += 2;
    const stream = new ClientStream(id, settle, this.peer.initialWindowSize, DEFAULT_WINDOW);
    this.#streams.add(stream);
    const { maxFrameSize } = this.peer;
    writeHeaders(this.output, id, maxFrameSize, false, encodeFields);
    this.#bodies.write(stream, body, maxFrameSize);
    return stream;
  }

  /** Resets a stream that has not ended; it ends as cancelled. */
  cancel(stream: ClientStream): void {
    if (this.#streams.get(stream.id) === undefined) return;
    this.#sendReset(stream, ErrorCode.CANCEL);
    this.#end(stream, { type: 'cancelled', isWhole: stream.pending === undefined });
  }

  /** `payload` has eight octets. */
  sendPing(payload: Uint8Array): void {
    writePing(this.output, payload, false);
  }

  /** Says goodbye. Who calls sees to it that no stream is open. */
  close(): void {
    if (this.#ended) return;
    this.#stop();
    writeGoaway(this.output, 0, ErrorCode.NO_ERROR);
  }

  /** The connection is gone: every open stream ends as lost. */
  lose(): void {
    this.#stop();
    for (const stream of this.#streams.all()) {
      this.#end(stream, { type: 'lost', isWhole: stream.pending === undefined });
    }
  }

  /** Takes octets from the server. `nowMs` never goes back. */
  receive(chunk: Buffer, nowMs: number): void {
    if (this.#ended) return;
    try {
      this.#parser.push(chunk, nowMs);
    } catch (error) {
      if (!(error instanceof ConnectionError)) throw error;
      this.#fail(error);
    }
  }

  // What the parser tells; nobody else calls these.

  headers(streamId: number, isLast: boolean, bytes: Buffer, start: number, end: number): void {
    this.#demandOpened(streamId, 'HEADERS');
    const head = this.#head;
    head.begin();
    // Also where the stream is gone: the table must see every block.
    this.#decoder.decode(bytes, start, end, head.add);
    const stream = this.#streams.get(streamId);
    if (stream === undefined) return void this.#demandForgiven(streamId, 'HEADERS');
    if (head.fault === '' && head.isInterim) this.#parser.countIdle();
    const fault = head.fault || stream.takeHead(head, isLast);
    if (fault !== '') return void this.#breakOff(stream, fault);
    if (isLast) this.#respond(stream);
  }

  data(streamId: number, isLast: boolean, bytes: Buffer, start: number, end: number, octets: number): void {
    this.#demandOpened(streamId, 'DATA');
    const increment = this.#window.take(octets);
    if (increment > 0) writeWindowUpdate(this.output, 0, increment);

    const stream = this.#streams.get(streamId);
    if (stream === undefined) return void this.#demandForgiven(streamId, 'DATA');
    if (stream.status === 0) return void this.#breakOff(stream, 'DATA before the response');
    stream.receiveWindow -= octets;
    stream.keepBody(bytes, start, end, this.#maxResponseBytes);
    if (isLast) return void this.#respond(stream);
    // As with the connection: half of it is always open, so no frame goes beyond it.
    if (stream.receiveWindow > DEFAULT_WINDOW / 2) return;
    writeWindowUpdate(this.output, streamId, DEFAULT_WINDOW - stream.receiveWindow);
    stream.receiveWindow = DEFAULT_WINDOW;
  }

  #respond(stream: ClientStream): void {
    if (stream.contentLength >= 0 && stream.contentLength !== stream.bodyBytes)
      return void this.#breakOff(stream, 'another body than its content-length says');
    // An early answer: what is left of the request interests nobody (RFC 9113, 8.1).
    if (stream.pending !== undefined) this.#sendReset(stream, ErrorCode.CANCEL);
    this.#end(stream, { type: 'response', response: stream.response() });
  }

  reset(streamId: number, code: number): void {
    this.#demandOpened(streamId, 'RST_STREAM');
    const stream = this.#streams.get(streamId);
    if (stream === undefined) return void this.#parser.countIdle();
    this.#end(stream, { type: 'reset', code });
  }

  windowUpdate(streamId: number, increment: number): void {
    const { maxFrameSize } = this.peer;
    if (streamId === 0) {
      if (increment === 0) throw new ConnectionError(ErrorCode.PROTOCOL_ERROR, 'WINDOW_UPDATE by 0');
      return void this.#bodies.enlargeConnectionWindow(increment, maxFrameSize);
    }
    this.#demandOpened(streamId, 'WINDOW_UPDATE');
    const stream = this.#streams.get(streamId);
    if (stream === undefined) return void this.#parser.countIdle();
    if (increment === 0) return void this.#breakOff(stream, 'WINDOW_UPDATE by 0');
    if (!this.#bodies.enlargeStreamWindow(stream, increment, maxFrameSize))
      this.#reset(stream, ErrorCode.FLOW_CONTROL_ERROR, 'the window of the stream is too large');
  }

  settings(bytes: Buffer, start: number, end: number): void {
    const { peer } = this;
    const windowBefore = peer.initialWindowSize;
    peer.apply(bytes, start, end, true);
    this.encoder.setMaxTableSize(Math.min(peer.smallestTableSize, peer.headerTableSize));
    this.encoder.setMaxTableSize(peer.headerTableSize);
    const change = peer.initialWindowSize - windowBefore;
    if (change !== 0) this.#bodies.shiftStreamWindows(this.#streams.all(), change);
    writeSettingsAck(this.output);
    if (change > 0) this.#bodies.advanceAll(peer.maxFrameSize);
    this.listener.settings();
  }

  ping(payload: Buffer): void {
    writePing(this.output, payload, true);
  }

  pong(payload: Buffer): void {
    this.listener.pong(payload);
  }

  goaway(lastStreamId: number, code: number, debugData: string): void {
    if (lastStreamId > this.#goawayLastId)
      throw new ConnectionError(ErrorCode.PROTOCOL_ERROR, 'GOAWAY with a higher last stream than before');
    this.#goawayLastId = lastStreamId;
    this.#closed.noteGoaway(lastStreamId);
    this.listener.goaway(lastStreamId, code, debugData);
    for (const stream of this.#streams.all()) {
      if (stream.id > lastStreamId) this.#end(stream, { type: 'unprocessed' });
    }
  }

  /** A stream of ours, open or closed; any other is a mistake of the server's (RFC 9113, 5.1). */
  #demandOpened(streamId: number, frame: string): void {
    if (streamId === 0 || streamId % 2 === 0 || streamId >= this.#nextStreamId)
      throw new ConnectionError(ErrorCode.PROTOCOL_ERROR, `${frame} on stream ${streamId}, never opened`);
  }

  #demandForgiven(streamId: number, frame: string): void {
    if (!this.#closed.mayBring(streamId))
      throw new ConnectionError(ErrorCode.STREAM_CLOSED, `${frame} on stream ${streamId}, which has ended`);
    this.#parser.countIdle();
  }

  #breakOff(stream: ClientStream, fault: string): void {
    this.#reset(stream, ErrorCode.PROTOCOL_ERROR, `malformed answer: ${fault}`);
  }

  #reset(stream: ClientStream, code: number, detail: string): void {
    this.#sendReset(stream, code);
    this.#end(stream, { type: 'broken', detail });
  }

  #sendReset(stream: ClientStream, code: number): void {
    writeReset(this.output, stream.id, code);
    this.#closed.noteReset(stream.id);
  }

  #end(stream: ClientStream, end: StreamEnd): void {
    // The end of one may have ended others that a loop is still to come to.
    if (!this.#streams.delete(stream)) return;
    this.#bodies.forget(stream);
    stream.settle(end, stream);
  }

  #fail(error: ConnectionError): void {
    this.#stop();
    writeGoaway(this.output, 0, error.code, error.message);
    if (!this.#parser.settingsSeen) error.message = `it does not begin as HTTP/2 does: ${error.message}`;
    this.listener.failed(error);
  }

  #stop(): void {
    this.#ended = true;
    this.#parser.stop();
  }
}
