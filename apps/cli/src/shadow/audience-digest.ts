import { createHash } from 'node:crypto';

/**
 * Stands for a set of device tokens, whatever their order: the SHA-256 of each (lower-case hex), all of them
 * XORed. Each may be added once. It needs no list and no sorting, and four lines of PHP make the same.
 */
export class AudienceDigest {
  readonly #bytes = Buffer.alloc(32);
  #count = 0;

  add(deviceToken: string): void {
    const hash = createHash('sha256').update(deviceToken).digest();
    for (let i = 0; i < 32; i++) this.#bytes[i]! ^= hash[i]!;
    this.#count++;
  }

  get count(): number {
    return this.#count;
  }

  /** 64 hex digits. */
  get digest(): string {
    return this.#bytes.toString('hex');
  }
}
