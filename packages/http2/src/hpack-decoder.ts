/** HPACK decoding, in full (RFC 7541): Huffman, dynamic table, size updates; bounded against bombs. */
import { DynamicTable, entryNumber, fieldSize, STATIC_TABLE } from './header-table.ts';
import { decodeHuffman } from './huffman.ts';
import { ConnectionError, DEFAULT_TABLE_SIZE, ErrorCode } from './protocol.ts';

export type FieldListener = (name: string, value: string) => void;

export interface HpackDecoderOptions {
  /** SETTINGS_HEADER_TABLE_SIZE as we announced it. Default 4,096. */
  readonly maxTableSize?: number;
  /** Most octets of one header list, names, values and 32 for each field. Default 65,536. */
  readonly maxListSize?: number;
}

export class HpackDecoder {
  readonly table: DynamicTable;
  readonly #maxTableSize: number;
  readonly #maxListSize: number;
  #bytes: Buffer = Buffer.alloc(0);
  #at = 0;
  #end = 0;

  constructor({ maxTableSize = DEFAULT_TABLE_SIZE, maxListSize = 65_536 }: HpackDecoderOptions = {}) {
    this.#maxTableSize = maxTableSize;
    this.#maxListSize = maxListSize;
    this.table = new DynamicTable(maxTableSize);
  }

  /**
   * Decodes one whole header block, `bytes[start..end)`, and tells `onField` of each field.
   *
   * @throws ConnectionError COMPRESSION_ERROR for what is no header block; ENHANCE_YOUR_CALM for a list
   * larger than allowed. The table is of no use afterwards.
   */
  decode(bytes: Buffer, start: number, end: number, onField: FieldListener): void {
    this.#bytes = bytes;
    this.#at = start;
    this.#end = end;
    let listSize = 0;
    let fieldSeen = false;
    while (this.#at < end) {
      const first = bytes[this.#at]!;
      if ((first & 0xe0) === 0x20) {
        if (fieldSeen) throw broken('a size update behind a field');
        this.#resize(this.#integer(5));
        continue;
      }
      fieldSeen = true;
      let name: string;
      let value: string;
      if (first & 0x80) {
        const index = this.#integer(7);
        const fixed = STATIC_TABLE[index - 1];
        if (fixed !== undefined) [name, value] = fixed;
        else {
          const number = entryNumber(this.table, index);
          name = this.table.nameAt(number);
          value = this.table.valueAt(number);
        }
      } else {
        const isIndexed = (first & 0x40) !== 0;
        const index = this.#integer(isIndexed ? 6 : 4);
        name = index === 0 ? this.#string() : this.#name(index);
        value = this.#string();
        if (isIndexed) this.table.insert(name, value);
      }
      listSize += fieldSize(name, value);
      if (listSize > this.#maxListSize)
        throw new ConnectionError(
          ErrorCode.ENHANCE_YOUR_CALM,
          `HPACK: a header list of more than ${this.#maxListSize} octets`,
        );
      onField(name, value);
    }
  }

  #resize(size: number): void {
    if (size > this.#maxTableSize)
      throw broken(`a table of ${size}, where ${this.#maxTableSize} are allowed`);
    this.table.resize(size);
  }

  #name(index: number): string {
    return STATIC_TABLE[index - 1]?.[0] ?? this.table.nameAt(entryNumber(this.table, index));
  }

  /** RFC 7541, 5.1. None in HTTP/2 needs more than 28 bits. */
  #integer(prefixBits: number): number {
    const most = (1 << prefixBits) - 1;
    let value = this.#octet() & most;
    if (value < most) return value;
    for (let shift = 0; shift <= 21; shift += 7) {
      const octet = this.#octet();
      value += (octet & 0x7f) << shift;
      if ((octet & 0x80) === 0) return value;
    }
    throw broken('an integer is too large');
  }

  #string(): string {
    const isHuffman = (this.#bytes[this.#at]! & 0x80) !== 0;
    const length = this.#integer(7);
    const start = this.#at;
    if (length > this.#end - start) throw broken('a string is cut off');
    this.#at += length;
    if (isHuffman) return decodeHuffman(this.#bytes, start, this.#at);
    return this.#bytes.toString('latin1', start, this.#at);
  }

  #octet(): number {
    if (this.#at >= this.#end) throw broken('a field is cut off');
    return this.#bytes[this.#at++]!;
  }
}

function broken(what: string): ConnectionError {
  return new ConnectionError(ErrorCode.COMPRESSION_ERROR, `HPACK: ${what}`);
}
