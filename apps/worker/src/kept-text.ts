import { deflateRawSync, inflateRawSync } from 'node:zlib';

/** Shorter ones gain nothing. */
const LEAST_CHARACTERS = 200;
/** The progress of a batch is one byte over and over: the smallest window finds that as well as a large one. */
const OPTIONS = { level: 3, memLevel: 2, windowBits: 10 };

/** A text that is kept for a while and hardly ever read again, in little memory. */
export class KeptText {
  readonly #kept: string;
  readonly #isDeflated: boolean;

  constructor(text: string) {
    this.#isDeflated = text.length >= LEAST_CHARACTERS;
    // As a string: zlib's buffer is a slice of 16 kB.
    this.#kept = this.#isDeflated ? deflateRawSync(text, OPTIONS).toString('latin1') : text;
  }

  /** In characters. */
  get size(): number {
    return this.#kept.length;
  }

  get text(): string {
    return this.#isDeflated ? inflateRawSync(Buffer.from(this.#kept, 'latin1')).toString() : this.#kept;
  }
}
