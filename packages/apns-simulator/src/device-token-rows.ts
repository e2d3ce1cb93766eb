const ROW_BYTES = 64;
const ROWS_PER_CHUNK = 16_384;
const AT = 0; // float64
const CONNECTION = 8; // uint32
const NUMBER = 12; // uint32
const UUID = 16; // 16 bytes
const DEVICE_TOKEN = 32; // 32 bytes
const ORDINARY_DEVICE_TOKEN = /^[0-9a-f]{64}$/;

/**
 * A list that takes 64 bytes for each request, outside the garbage collector's reach: two million of them
 * are 128 MB. A device token other than 64 lower-case hex digits is kept as a string beside it.
 */
export class DeviceTokenRows {
  private readonly chunks: Buffer[] = [];
  private readonly unusual = new Map<number, string>();
  private count = 0;

  get length(): number {
    return this.count;
  }

  /** Appends a row; `uuid` has the canonical form, or is ''. `number` is the owner's, below 2^32. */
  append(atMs: number, connection: number, number: number, uuid: string, deviceToken: string): void {
    const row = this.count++;
    const offset = (row % ROWS_PER_CHUNK) * ROW_BYTES;
    if (offset === 0) this.chunks.push(Buffer.alloc(ROWS_PER_CHUNK * ROW_BYTES));
    const chunk = this.chunks[this.chunks.length - 1]!;
    chunk.writeDoubleLE(atMs, offset + AT);
    chunk.writeUInt32LE(connection, offset + CONNECTION);
    chunk.writeUInt32LE(number, offset + NUMBER);
    if (uuid !== '') chunk.write(uuid.replaceAll('-', ''), offset + UUID, 'hex');
    if (ORDINARY_DEVICE_TOKEN.test(deviceToken)) chunk.write(deviceToken, offset + DEVICE_TOKEN, 'hex');
    else this.unusual.set(row, deviceToken);
  }

  /** When, in milliseconds since 1970. */
  atMs(row: number): number {
    return this.chunkOf(row).readDoubleLE(offsetOf(row) + AT);
  }

  connection(row: number): number {
    return this.chunkOf(row).readUInt32LE(offsetOf(row) + CONNECTION);
  }

  number(row: number): number {
    return this.chunkOf(row).readUInt32LE(offsetOf(row) + NUMBER);
  }

  uuid(row: number): string {
    const from = offsetOf(row) + UUID;
    const hex = this.chunkOf(row).toString('hex', from, from + 16);
    return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
  }

  deviceToken(row: number): string {
    const from = offsetOf(row) + DEVICE_TOKEN;
    return this.unusual.get(row) ?? this.chunkOf(row).toString('hex', from, from + 32);
  }

  private chunkOf(row: number): Buffer {
    const chunk = row < this.count ? this.chunks[Math.floor(row / ROWS_PER_CHUNK)] : undefined;
    if (chunk === undefined) throw new RangeError(`row ${row} of ${this.count} was asked for`);
    return chunk;
  }
}

function offsetOf(row: number): number {
  return (row % ROWS_PER_CHUNK) * ROW_BYTES;
}
