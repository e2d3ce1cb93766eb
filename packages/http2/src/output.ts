/** Octets on their way out: written front to back, taken as a whole, in memory that is used again. */

export class Output {
  bytes: Buffer;
  length = 0;

  /** Grows as needed; `capacity` is what it starts with. */
  constructor(capacity = 65_536) {
    this.bytes = Buffer.allocUnsafe(capacity);
  }

  /** Makes sure that `size` more octets fit. Whoever writes into `bytes` directly calls it first. */
  reserve(size: number): void {
    if (this.length + size <= this.bytes.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.bytes.length * 2, this.length + size));
    this.bytes.copy(larger, 0, 0, this.length);
    this.bytes = larger;
  }

  /** Takes what was written, and goes on in `next`: memory that nobody else uses any more. */
  take(next: Buffer): Buffer {
    const written = this.bytes.subarray(0, this.length);
    this.bytes = next;
    this.length = 0;
    return written;
  }

  octet(value: number): void {
    this.reserve(1);
    this.bytes[this.length++] = value;
  }

  uint32(value: number): void {
    this.reserve(4);
    this.length = this.bytes.writeUInt32BE(value, this.length);
  }

  append(octets: Uint8Array, start = 0, end = octets.length): void {
    this.reserve(end - start);
    this.bytes.set(start === 0 && end === octets.length ? octets : octets.subarray(start, end), this.length);
    this.length += end - start;
  }

  /** `text` must be latin1. */
  latin1(text: string): void {
    this.reserve(text.length);
    this.length += this.bytes.write(text, this.length, 'latin1');
  }
}
