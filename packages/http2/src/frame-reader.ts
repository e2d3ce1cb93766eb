/** Cuts a stream of octets into frames (RFC 9113, 4.1), however the octets come in pieces. */
import { ConnectionError, DEFAULT_FRAME_SIZE, ErrorCode, FRAME_HEADER_BYTES } from './protocol.ts';

/** The payload is `bytes[start..end)`, and is there only during the call. */
export type FrameListener = (
  type: number,
  flags: number,
  streamId: number,
  bytes: Buffer,
  start: number,
  end: number,
) => void;

export class FrameReader {
  /** The beginning of a frame whose rest has not come yet: room for one frame, and never more. */
  readonly #partial: Buffer;
  #held = 0;

  /** `maxFrameSize` as we announced it, SETTINGS_MAX_FRAME_SIZE. */
  constructor(
    private readonly onFrame: FrameListener,
    private readonly maxFrameSize = DEFAULT_FRAME_SIZE,
  ) {
    this.#partial = Buffer.allocUnsafe(FRAME_HEADER_BYTES + maxFrameSize);
  }

  /**
   * Takes what came in and tells of each frame that is whole now.
   *
   * @throws ConnectionError FRAME_SIZE_ERROR as soon as the header of a frame that is too large is here;
   * and whatever the listener throws. The reader is of no use afterwards.
   */
  push(chunk: Buffer): void {
    let at = this.#held > 0 ? this.#complete(chunk) : 0;
    while (chunk.length - at >= FRAME_HEADER_BYTES) {
      const end = at + this.#frameLength(chunk, at);
      if (end > chunk.length) break;
      this.#tell(chunk, at, end);
      at = end;
    }
    if (at < chunk.length) this.#held += chunk.copy(this.#partial, this.#held, at);
  }

  /** Fills the frame that began in an earlier piece; returns how much of `chunk` it took. */
  #complete(chunk: Buffer): number {
    let at = 0;
    if (this.#held < FRAME_HEADER_BYTES) {
      at = chunk.copy(this.#partial, this.#held, 0, FRAME_HEADER_BYTES - this.#held);
      this.#held += at;
      if (this.#held < FRAME_HEADER_BYTES) return at;
    }
    const length = this.#frameLength(this.#partial, 0);
    const taken = chunk.copy(this.#partial, this.#held, at, at + length - this.#held);
    this.#held += taken;
    if (this.#held === length) {
      this.#held = 0;
      this.#tell(this.#partial, 0, length);
    }
    return at + taken;
  }

  #frameLength(bytes: Buffer, at: number): number {
    const length = (bytes[at]! << 16) | (bytes[at + 1]! << 8) | bytes[at + 2]!;
    if (length > this.maxFrameSize)
      throw new ConnectionError(
        ErrorCode.FRAME_SIZE_ERROR,
        `a frame of ${length} octets, where ${this.maxFrameSize} are allowed`,
      );
    return FRAME_HEADER_BYTES + length;
  }

  #tell(bytes: Buffer, at: number, end: number): void {
    // The first bit of the stream id is reserved and means nothing.
    const streamId =
      ((bytes[at + 5]! & 0x7f) << 24) | (bytes[at + 6]! << 16) | (bytes[at + 7]! << 8) | bytes[at + 8]!;
    this.onFrame(bytes[at + 3]!, bytes[at + 4]!, streamId, bytes, at + FRAME_HEADER_BYTES, end);
  }
}
