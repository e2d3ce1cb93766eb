/** HPACK encoding with the dynamic table (RFC 7541). Who calls decides which fields go into the table. */
import { DynamicTable, fieldSize, STATIC_TABLE } from './header-table.ts';
import { encodeHuffman, huffmanLength } from './huffman.ts';
import type { Output } from './output.ts';
import { DEFAULT_TABLE_SIZE } from './protocol.ts';

/** Ours, however large a table the peer allows. */
const LARGEST_TABLE = DEFAULT_TABLE_SIZE;

export class HpackEncoder {
  readonly #table = new DynamicTable(DEFAULT_TABLE_SIZE);
  /** Newest entry with this name and value, and with this name. Numbers of entries that fell out may be here. */
  readonly #fields = new Map<string, number>();
  readonly #names = new Map<string, number>();
  /** Table sizes still to be told: the smallest since the last block, and the one that holds now. */
  #smallest: number | undefined;
  #changes = 0;

  /** Changes with each entry and each size: while it stays, what was encoded once can be sent again. */
  get version(): number {
    return this.#smallest === undefined ? this.#changes : -1;
  }

  /** SETTINGS_HEADER_TABLE_SIZE of the peer. The next block tells it (RFC 7541, 4.2). */
  setMaxTableSize(peerMax: number): void {
    const size = Math.min(peerMax, LARGEST_TABLE);
    if (size === this.#table.maxSize) return;
    this.#smallest = Math.min(this.#smallest ?? size, size);
    this.#table.resize(size);
    this.#changes++;
  }

  /** To be called before the first field of each block. */
  begin(out: Output): void {
    if (this.#smallest === undefined) return;
    const size = this.#table.maxSize;
    if (this.#smallest < size) writeInteger(out, 0x20, 5, this.#smallest);
    writeInteger(out, 0x20, 5, size);
    this.#smallest = undefined;
  }

  /** A field that comes again: from the table, or into it. */
  indexed(out: Output, name: string, value: string): void {
    const key = `${name}\0${value}`;
    const fixed = STATIC_FIELDS.get(key);
    if (fixed !== undefined) return void writeInteger(out, 0x80, 7, fixed);
    const number = this.#fields.get(key);
    if (number !== undefined && this.#table.isHeld(number))
      return void writeInteger(out, 0x80, 7, this.#indexOf(number));
    if (fieldSize(name, value) > this.#table.maxSize) return void this.literal(out, name, value);
    this.#header(out, 0x40, 6, name);
    writeString(out, value);
    this.#insert(key, name, value);
  }

  /**
   * A field that does not come again; without Huffman, which costs more time than it saves octets. Its name
   * is looked up; one that the table does not have brings the field in once, so that the next one can refer
   * to its name ("indexed the first time, literal later": Apple, "Sending notification requests to APNs").
   */
  literal(out: Output, name: string, value: string): void {
    const isNew = !STATIC_NAMES.has(name) && this.#nameIndex(name) === 0;
    const enters = isNew && fieldSize(name, value) <= this.#table.maxSize;
    if (enters) this.#header(out, 0x40, 6, name);
    else this.#header(out, 0x00, 4, name);
    writeInteger(out, 0x00, 7, value.length);
    out.latin1(value);
    if (enters) this.#insert(`${name}\0${value}`, name, value);
  }

  #header(out: Output, pattern: number, prefixBits: number, name: string): void {
    const index = STATIC_NAMES.get(name) ?? this.#nameIndex(name);
    writeInteger(out, pattern, prefixBits, index);
    if (index === 0) writeString(out, name);
  }

  #nameIndex(name: string): number {
    const number = this.#names.get(name);
    return number !== undefined && this.#table.isHeld(number) ? this.#indexOf(number) : 0;
  }

  #indexOf(number: number): number {
    return STATIC_TABLE.length + 1 + this.#table.inserted - number;
  }

  #insert(key: string, name: string, value: string): void {
    this.#table.insert(name, value);
    this.#changes++;
    this.#forgetFallen();
    this.#fields.set(key, this.#table.inserted);
    this.#names.set(name, this.#table.inserted);
  }

  /** So that the maps stay as small as the table. */
  #forgetFallen(): void {
    if (this.#fields.size <= 2 * this.#table.count + 16) return;
    for (const [key, number] of this.#fields) if (!this.#table.isHeld(number)) this.#fields.delete(key);
    for (const [name, number] of this.#names) if (!this.#table.isHeld(number)) this.#names.delete(name);
  }
}

/** RFC 7541, 5.1: `pattern` holds the bits before the prefix. */
export function writeInteger(out: Output, pattern: number, prefixBits: number, value: number): void {
  const most = (1 << prefixBits) - 1;
  if (value < most) return void out.octet(pattern | value);
  out.octet(pattern | most);
  let rest = value - most;
  for (; rest >= 0x80; rest >>>= 7) out.octet((rest & 0x7f) | 0x80);
  out.octet(rest);
}

/** Huffman where that is shorter. */
function writeString(out: Output, text: string): void {
  const short = huffmanLength(text);
  if (short >= text.length) {
    writeInteger(out, 0x00, 7, text.length);
    return void out.latin1(text);
  }
  writeInteger(out, 0x80, 7, short);
  out.reserve(short);
  out.length = encodeHuffman(text, out.bytes, out.length);
}

const STATIC_FIELDS = new Map(STATIC_TABLE.map(([name, value], i) => [`${name}\0${value}`, i + 1]));
const STATIC_NAMES = new Map([...STATIC_TABLE].map(([name], i) => [name, i + 1] as const).reverse());
