/** The header tables of HPACK: the static one and the dynamic one (RFC 7541, 2.3 and appendix A). */
import { ConnectionError, ErrorCode } from './protocol.ts';

/** Index 1 is the first. */
export const STATIC_TABLE: ReadonlyArray<readonly [name: string, value: string]> = [
  [':authority', ''],
  [':method', 'GET'],
  [':method', 'POST'],
  [':path', '/'],
  [':path', '/index.html'],
  [':scheme', 'http'],
  [':scheme', 'https'],
  [':status', '200'],
  [':status', '204'],
  [':status', '206'],
  [':status', '304'],
  [':status', '400'],
  [':status', '404'],
  [':status', '500'],
  ['accept-charset', ''],
  ['accept-encoding', 'gzip, deflate'],
  ['accept-language', ''],
  ['accept-ranges', ''],
  ['accept', ''],
  ['access-control-allow-origin', ''],
  ['age', ''],
  ['allow', ''],
  ['authorization', ''],
  ['cache-control', ''],
  ['content-disposition', ''],
  ['content-encoding', ''],
  ['content-language', ''],
  ['content-length', ''],
  ['content-location', ''],
  ['content-range', ''],
  ['content-type', ''],
  ['cookie', ''],
  ['date', ''],
  ['etag', ''],
  ['expect', ''],
  ['expires', ''],
  ['from', ''],
  ['host', ''],
  ['if-match', ''],
  ['if-modified-since', ''],
  ['if-none-match', ''],
  ['if-range', ''],
  ['if-unmodified-since', ''],
  ['last-modified', ''],
  ['link', ''],
  ['location', ''],
  ['max-forwards', ''],
  ['proxy-authenticate', ''],
  ['proxy-authorization', ''],
  ['range', ''],
  ['referer', ''],
  ['refresh', ''],
  ['retry-after', ''],
  ['server', ''],
  ['set-cookie', ''],
  ['strict-transport-security', ''],
  ['transfer-encoding', ''],
  ['user-agent', ''],
  ['vary', ''],
  ['via', ''],
  ['www-authenticate', ''],
];

/** What an entry costs besides its name and value (RFC 7541, 4.1). */
const ENTRY_OVERHEAD = 32;

/** Size of a field as the tables and limits count it; `name` and `value` in latin1. */
export function fieldSize(name: string, value: string): number {
  return name.length + value.length + ENTRY_OVERHEAD;
}

/** Entries from the newest to the oldest; what does not fit any more falls out at the old end. */
export class DynamicTable {
  /** Entries ever inserted. An entry's number is this count just after it came in. */
  inserted = 0;
  #size = 0;
  #oldest = 0;
  /** A ring: the entry with number n is at n modulo its length. */
  #names: string[] = new Array(128).fill('');
  #values: string[] = new Array(128).fill('');

  constructor(private capacity: number) {}

  get maxSize(): number {
    return this.capacity;
  }

  get count(): number {
    return this.inserted - this.#oldest;
  }

  get size(): number {
    return this.#size;
  }

  resize(capacity: number): void {
    this.capacity = capacity;
    this.#evictTo(capacity);
  }

  insert(name: string, value: string): void {
    const size = fieldSize(name, value);
    this.#evictTo(this.capacity - size);
    // One that is larger than the table empties it, which is no error (RFC 7541, 4.4).
    if (size > this.capacity) return;
    if (this.count === this.#names.length) this.#grow();
    this.inserted++;
    const at = this.inserted % this.#names.length;
    this.#names[at] = name;
    this.#values[at] = value;
    this.#size += size;
  }

  /** `number` of an entry as `inserted` was just after it came in; undefined once it has fallen out. */
  isHeld(number: number): boolean {
    return number > this.#oldest && number <= this.inserted;
  }

  nameAt(number: number): string {
    return this.#names[number % this.#names.length]!;
  }

  valueAt(number: number): string {
    return this.#values[number % this.#values.length]!;
  }

  #evictTo(size: number): void {
    while (this.#size > size && this.count > 0) {
      this.#oldest++;
      const at = this.#oldest % this.#names.length;
      this.#size -= fieldSize(this.#names[at]!, this.#values[at]!);
      this.#names[at] = '';
      this.#values[at] = '';
    }
  }

  #grow(): void {
    const length = this.#names.length * 2;
    const names: string[] = new Array(length).fill('');
    const values: string[] = new Array(length).fill('');
    for (let number = this.#oldest + 1; number <= this.inserted; number++) {
      names[number % length] = this.nameAt(number);
      values[number % length] = this.valueAt(number);
    }
    this.#names = names;
    this.#values = values;
  }
}

/**
 * The entry of a table that a decoder is told by its index.
 *
 * @throws ConnectionError COMPRESSION_ERROR if there is none
 */
export function entryNumber(table: DynamicTable, index: number): number {
  const number = table.inserted - (index - STATIC_TABLE.length - 1);
  if (index <= STATIC_TABLE.length || !table.isHeld(number))
    throw new ConnectionError(ErrorCode.COMPRESSION_ERROR, `HPACK: no table entry ${index}`);
  return number;
}
