/** How much DATA the server may send us on the connection (RFC 9113, 5.2), opened again as it is used up. */

export class ReceiveWindow {
  #left: number;

  constructor(private readonly size: number) {
    this.#left = size;
  }

  /**
   * Counts `octets` of one frame; returns by how many octets the window is to be enlarged, mostly 0. Half
   * of it is always open, more than a frame can hold: so nobody can go beyond it.
   */
  take(octets: number): number {
    this.#left -= octets;
    if (this.#left > this.size / 2) return 0;
    const increment = this.size - this.#left;
    this.#left = this.size;
    return increment;
  }
}
