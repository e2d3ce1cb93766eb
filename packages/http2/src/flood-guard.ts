/**
 * Ends a connection whose peer keeps us busy with frames that bring nothing: pings, settings, empty and
 * unknown frames. A bucket: so many at once, and so many per second on average. Each request adds some: it
 * may have interim answers, frames that cross with our RST_STREAM, or a reset behind an early answer.
 */
import { ConnectionError, ErrorCode } from './protocol.ts';

const AT_ONCE = 5_000;
const PER_SECOND = 100;
const PER_REQUEST = 4;
const MOST_FOR_REQUESTS = 50_000;

export class FloodGuard {
  #left = AT_ONCE;
  #forRequests = 0;
  #countedAt = Number.NEGATIVE_INFINITY;

  noteRequest(): void {
    if (this.#forRequests < MOST_FOR_REQUESTS) this.#forRequests += PER_REQUEST;
  }

  /**
   * Counts one such frame at `nowMs`, which never goes back.
   *
   * @throws ConnectionError ENHANCE_YOUR_CALM
   */
  count(nowMs: number): void {
    if (this.#forRequests > 0) return void this.#forRequests--;
    if (nowMs > this.#countedAt) {
      this.#left = Math.min(AT_ONCE, this.#left + ((nowMs - this.#countedAt) / 1_000) * PER_SECOND);
      this.#countedAt = nowMs;
    }
    this.#left--;
    if (this.#left < 0)
      throw new ConnectionError(
        ErrorCode.ENHANCE_YOUR_CALM,
        `more than ${AT_ONCE} frames that bring nothing`,
      );
  }
}
