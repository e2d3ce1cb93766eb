/** Puts header blocks together from HEADERS and CONTINUATION frames (RFC 9113, 6.2 and 6.10). */
import { ConnectionError, ErrorCode, Flag } from './protocol.ts';

/** The whole block is `bytes[start..end)`. */
export type BlockListener = (
  streamId: number,
  isLast: boolean,
  bytes: Buffer,
  start: number,
  end: number,
) => void;

export class HeaderBlocks {
  #streamId = 0;
  #isLast = false;
  #parts: Buffer[] = [];
  #size = 0;

  /** `maxSize`: octets of one block; more of them end the connection. */
  constructor(
    private readonly onBlock: BlockListener,
    private readonly maxSize = 65_536,
  ) {}

  /** The stream whose block is not whole yet, 0 if there is none. Until then no other frame may come. */
  get openStreamId(): number {
    return this.#streamId;
  }

  headers(flags: number, streamId: number, bytes: Buffer, start: number, end: number): void {
    const from = start + (flags & Flag.PADDED ? 1 : 0) + (flags & Flag.PRIORITY ? 5 : 0);
    if (from > end) throw new ConnectionError(ErrorCode.FRAME_SIZE_ERROR, 'HEADERS too short for its flags');
    const padding = flags & Flag.PADDED ? bytes[start]! : 0;
    const to = end - padding;
    if (to < from)
      throw new ConnectionError(ErrorCode.PROTOCOL_ERROR, 'HEADERS with more padding than payload');
    const isLast = (flags & Flag.END_STREAM) !== 0;
    if (flags & Flag.END_HEADERS) return void this.onBlock(streamId, isLast, bytes, from, to);
    this.#streamId = streamId;
    this.#isLast = isLast;
    this.#size = 0;
    this.#keep(bytes, from, to);
  }

  continuation(flags: number, streamId: number, bytes: Buffer, start: number, end: number): void {
    if (this.#streamId === 0 || streamId !== this.#streamId)
      throw new ConnectionError(ErrorCode.PROTOCOL_ERROR, 'CONTINUATION that continues nothing');
    this.#keep(bytes, start, end);
    if ((flags & Flag.END_HEADERS) === 0) return;
    const block = Buffer.concat(this.#parts);
    this.#streamId = 0;
    this.#parts = [];
    this.onBlock(streamId, this.#isLast, block, 0, block.length);
  }

  #keep(bytes: Buffer, start: number, end: number): void {
    this.#size += end - start;
    if (this.#size > this.maxSize)
      throw new ConnectionError(
        ErrorCode.ENHANCE_YOUR_CALM,
        `a header block of more than ${this.maxSize} octets`,
      );
    if (end > start) this.#parts.push(Buffer.from(bytes.subarray(start, end)));
  }
}
