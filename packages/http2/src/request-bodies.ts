/** Writes the bodies of requests as far as the server's windows allow (RFC 9113, 5.2). */
import type { ClientStream } from './client-stream.ts';
import { writeData } from './frame-writer.ts';
import type { Output } from './output.ts';
import { ConnectionError, DEFAULT_WINDOW, ErrorCode, LARGEST_WINDOW } from './protocol.ts';

export class RequestBodies {
  #connectionWindow = DEFAULT_WINDOW;
  /** Streams whose body is not written yet, in the order in which they were opened. */
  readonly #waiting = new Set<ClientStream>();

  constructor(private readonly out: Output) {}

  get isWindowFull(): boolean {
    return this.#connectionWindow <= 0;
  }

  /** Writes the whole body, or what may be written now; the rest follows by itself. */
  write(stream: ClientStream, body: Uint8Array, maxFrameSize: number): void {
    const { length } = body;
    if (
      length <= this.#connectionWindow &&
      length <= stream.sendWindow &&
      length <= maxFrameSize &&
      this.#waiting.size === 0
    ) {
      this.#connectionWindow -= length;
      stream.sendWindow -= length;
      writeData(this.out, stream.id, body, 0, length, true);
      return;
    }
    stream.pending = body;
    this.#waiting.add(stream);
    this.#advance(stream, maxFrameSize);
  }

  /** Nothing more of this one is written. */
  forget(stream: ClientStream): void {
    if (stream.pending === undefined) return;
    stream.pending = undefined;
    this.#waiting.delete(stream);
  }

  enlargeConnectionWindow(increment: number, maxFrameSize: number): void {
    this.#connectionWindow += increment;
    if (this.#connectionWindow > LARGEST_WINDOW)
      throw new ConnectionError(ErrorCode.FLOW_CONTROL_ERROR, 'the window of the connection is too large');
    this.advanceAll(maxFrameSize);
  }

  /** False if the window of this stream is too large now. */
  enlargeStreamWindow(stream: ClientStream, increment: number, maxFrameSize: number): boolean {
    stream.sendWindow += increment;
    if (stream.sendWindow > LARGEST_WINDOW) return false;
    if (stream.pending !== undefined) this.#advance(stream, maxFrameSize);
    return true;
  }

  /** SETTINGS_INITIAL_WINDOW_SIZE changed by `change`, for the open streams too (RFC 9113, 6.9.2). */
  shiftStreamWindows(streams: Iterable<ClientStream>, change: number): void {
    for (const stream of streams) {
      stream.sendWindow += change;
      if (stream.sendWindow > LARGEST_WINDOW)
        throw new ConnectionError(ErrorCode.FLOW_CONTROL_ERROR, 'the window of a stream is too large');
    }
  }

  advanceAll(maxFrameSize: number): void {
    for (const stream of this.#waiting) {
      if (this.#connectionWindow <= 0) return;
      this.#advance(stream, maxFrameSize);
    }
  }

  #advance(stream: ClientStream, maxFrameSize: number): void {
    const body = stream.pending!;
    for (;;) {
      const left = body.length - stream.pendingFrom;
      const size = Math.max(0, Math.min(left, this.#connectionWindow, stream.sendWindow, maxFrameSize));
      // An empty body needs no window; anything else waits for one.
      if (size === 0 && left > 0) return;
      writeData(this.out, stream.id, body, stream.pendingFrom, stream.pendingFrom + size, size === left);
      this.#connectionWindow -= size;
      stream.sendWindow -= size;
      stream.pendingFrom += size;
      if (size === left) return void this.forget(stream);
    }
  }
}
