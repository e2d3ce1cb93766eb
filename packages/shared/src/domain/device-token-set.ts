/** Memberships up to which an audience is planned with all its device tokens in such a set: 15 MB. */
export const EXACT_CAPACITY = 1_500_000;

/** How full a set gets: fuller, each look goes past many slots; emptier, a broadcast takes more memory. */
const FILL = 0.8;
const LEAST_CAPACITY = 1_000;

/**
 * Which device tokens an audience holds already, as 64-bit hashes of the normalised strings: ten bytes each,
 * whatever it holds. Two of ten million strings share a hash about three times in a million broadcasts.
 */
export class DeviceTokenSet {
  #slots: number;
  #table: Uint32Array;
  #taken: Uint8Array;
  #size = 0;

  /** @param capacity device tokens that it has room for; with more it grows */
  constructor(capacity: number) {
    this.#slots = Math.ceil(Math.max(LEAST_CAPACITY, capacity) / FILL);
    this.#table = new Uint32Array(this.#slots * 2);
    this.#taken = new Uint8Array(Math.ceil(this.#slots / 8));
  }

  get size(): number {
    return this.#size;
  }

  /** @returns false when it is in the set already */
  add(deviceToken: string): boolean {
    hash(deviceToken);
    if (this.#size > this.#slots * FILL) this.#grow();
    return this.#insert(high, low);
  }

  /**
   * Takes a device token once: false when it is one of the set's and was taken before. One that the set does
   * not hold may always be taken: it is the caller's knowledge that it comes only once.
   */
  take(deviceToken: string): boolean {
    hash(deviceToken);
    for (let slot = this.#firstSlot(low); ; slot = this.#slotAfter(slot)) {
      const storedHigh = this.#table[slot * 2]!;
      const storedLow = this.#table[slot * 2 + 1]!;
      if (storedHigh === 0 && storedLow === 0) return true;
      if (storedHigh !== high || storedLow !== low) continue;
      const bit = 1 << (slot & 7);
      const wasTaken = (this.#taken[slot >>> 3]! & bit) !== 0;
      this.#taken[slot >>> 3]! |= bit;
      return !wasTaken;
    }
  }

  #insert(h: number, l: number): boolean {
    for (let slot = this.#firstSlot(l); ; slot = this.#slotAfter(slot)) {
      const storedHigh = this.#table[slot * 2]!;
      const storedLow = this.#table[slot * 2 + 1]!;
      if (storedHigh === h && storedLow === l) return false;
      if (storedHigh === 0 && storedLow === 0) {
        this.#table[slot * 2] = h;
        this.#table[slot * 2 + 1] = l;
        this.#size++;
        return true;
      }
    }
  }

  #firstSlot(l: number): number {
    return Math.floor((l * this.#slots) / 2 ** 32);
  }

  #slotAfter(slot: number): number {
    return slot + 1 === this.#slots ? 0 : slot + 1;
  }

  /** For an audience that grows, and candidates of one whose strings mostly stand in several rows. */
  #grow(): void {
    const old = this.#table;
    this.#slots *= 2;
    this.#table = new Uint32Array(this.#slots * 2);
    this.#taken = new Uint8Array(Math.ceil(this.#slots / 8));
    this.#size = 0;
    for (let i = 0; i < old.length; i += 2)
      if (old[i] !== 0 || old[i + 1] !== 0) this.#insert(old[i]!, old[i + 1]!);
  }
}

const LEAST_BLOOM_BITS = 2 ** 26;
const BLOOM_PROBES = 3;

/**
 * Bits of the filter for so many strings: 8 MB up to ten million, then a byte or two for each further one. A
 * fixed size would call nearly all of a hundred million repeats, and each of these costs ten bytes among the
 * candidates.
 */
export function bloomBits(strings: number): number {
  return Math.min(2 ** 32, Math.max(LEAST_BLOOM_BITS, 2 ** Math.ceil(Math.log2(strings * 6.7))));
}

/**
 * Finds strings that may stand in an audience twice (a Bloom filter). At the end of ten million one in twenty is
 * a false alarm, over all of them one in seventy, which costs a place among the candidates and nothing else.
 */
export class RepeatFinder {
  readonly #size: number;
  readonly #bits: Uint32Array;

  /** @param strings how many are to be expected */
  constructor(strings: number) {
    this.#size = bloomBits(strings);
    this.#bits = new Uint32Array(this.#size / 32);
  }

  /** @returns true when this string, or one that looks like it, was seen before */
  seenBefore(deviceToken: string): boolean {
    hash(deviceToken);
    let seen = true;
    // Double hashing (Kirsch and Mitzenmacher): as good as independent hashes.
    for (let probe = 0, bit = low; probe < BLOOM_PROBES; probe++, bit = (bit + high) | 0) {
      const at = (bit >>> 0) % this.#size;
      const mask = 1 << (at & 31);
      if ((this.#bits[at >>> 5]! & mask) === 0) {
        seen = false;
        this.#bits[at >>> 5]! |= mask;
      }
    }
    return seen;
  }
}

// Two 32-bit lanes of multiply-and-rotate over four characters at a time, each finished as in MurmurHash3.
// The results stand here instead of in an object: this runs once per recipient.
let high = 0;
let low = 0;

function hash(text: string): void {
  let a = 0x9e3779b1 ^ text.length;
  let b = 0x85ebca77;
  const fours = text.length - (text.length % 4);
  for (let i = 0; i < text.length; i += i < fours ? 4 : 1) {
    const word =
      i < fours
        ? text.charCodeAt(i) |
          (text.charCodeAt(i + 1) << 8) |
          (text.charCodeAt(i + 2) << 16) |
          (text.charCodeAt(i + 3) << 24)
        : text.charCodeAt(i);
    a = Math.imul(a ^ word, 0x85ebca6b);
    a = (a << 13) | (a >>> 19);
    b = Math.imul(b ^ word, 0xc2b2ae35);
    b = (b << 15) | (b >>> 17);
  }
  a = finish(a);
  b = finish(b ^ a);
  high = b >>> 0;
  // Both zero marks an empty slot.
  low = a >>> 0 || 1;
}

function finish(value: number): number {
  let mixed = value ^ (value >>> 16);
  mixed = Math.imul(mixed, 0x85ebca6b);
  mixed ^= mixed >>> 13;
  mixed = Math.imul(mixed, 0xc2b2ae35);
  return mixed ^ (mixed >>> 16);
}
