/** How much DATA the server may send us on the connection (RFC 9113, 5.2), opened again as it is used up. */
import { ConnectionError, ErrorCode } from './protocol.ts';

export class ReceiveWindow {
  #left: number;

  constructor(private readonly size: number) {
    this.#left = size;
  }

  /**
   * Counts `octets` that came; returns by how many octets the window is to be enlarged, mostly 0.
   *
   * @throws ConnectionError FLOW_CONTROL_ERROR if the window was smaller
   */
  take(octets: number): number {
    this.#left -= octets;
    if (this.#left < 0)
      throw new ConnectionError(ErrorCode.FLOW_CONTROL_ERROR, 'more DATA than the connection window allows');
    if (this.#left > this.size / 2) return 0;
    const increment = this.size - this.#left;
    this.#left = this.size;
    return increment;
  }
}
