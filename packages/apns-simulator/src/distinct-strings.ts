// A property of a global is slow in Jest's sandbox.
const { imul } = Math;

/**
 * Counts different strings by 64-bit hashes, 16 bytes each: a million is 16 to 32 MB, and the chance that
 * two of them are taken for one is below 1 in 10 million.
 */
export class DistinctStrings {
  private slots = new Uint32Array(2 * 1024);
  private count = 0;

  get size(): number {
    return this.count;
  }

  add(value: string): void {
    let low = 0x811c9dc5;
    let high = 0x9747b28c;
    for (let at = 0; at < value.length; at++) {
      const code = value.charCodeAt(at);
      low = imul(low ^ code, 0x01000193);
      high = imul(high ^ code, 0x85ebca6b);
      high ^= high >>> 13;
    }
    // 0 marks an empty slot.
    if (!insert(this.slots, scramble(low) || 1, scramble(high))) return;
    this.count += 1;
    if (this.count * 4 > this.slots.length) this.grow();
  }

  private grow(): void {
    const larger = new Uint32Array(this.slots.length * 2);
    for (let at = 0; at < this.slots.length; at += 2) {
      if (this.slots[at] !== 0) insert(larger, this.slots[at]!, this.slots[at + 1]!);
    }
    this.slots = larger;
  }
}

function insert(slots: Uint32Array, low: number, high: number): boolean {
  const pairs = slots.length / 2;
  for (let pair = low % pairs; ; pair = (pair + 1) % pairs) {
    const at = pair * 2;
    if (slots[at] === low && slots[at + 1] === high) return false;
    if (slots[at] === 0) {
      slots[at] = low;
      slots[at + 1] = high;
      return true;
    }
  }
}

/** The finisher of MurmurHash3: each bit of the input changes about half of the output. */
function scramble(hash: number): number {
  let mixed = hash ^ (hash >>> 16);
  mixed = imul(mixed, 0x85ebca6b);
  mixed ^= mixed >>> 13;
  mixed = imul(mixed, 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}
