/**
 * Hands what the HTTP/2 client has written over to the socket: everything of one turn of the event loop
 * in one write, and the next write only when the socket has taken the one before. What waits here has
 * certainly not been sent.
 */
import type { Socket } from 'node:net';
import type { Output } from '@pushfleet/http2/output';

const BUFFER_BYTES = 65_536;
/** A buffer that a burst has made larger than this is not kept. */
const KEPT_BYTES = 1_048_576;
/** More than all that may be in flight: a peer that takes none of it for so long is not waited for. */
const MOST_WAITING_BYTES = 33_554_432;

export class SocketOutput {
  #socket: Socket | undefined;
  #spare: Buffer = Buffer.allocUnsafe(BUFFER_BYTES);
  #scheduled = false;
  #writing = false;
  #ending = false;

  /**
   * `handingOver` is called just before octets leave for the socket; `stuck`, when far too much waits,
   * since the peer does not read.
   */
  constructor(
    private readonly output: Output,
    private readonly handingOver: () => void,
    private readonly stuck: () => void,
  ) {}

  /** From now on octets go out. */
  open(socket: Socket): void {
    this.#socket = socket;
    this.flush();
  }

  /** Soon: what else is written in this turn goes along. */
  flushSoon(): void {
    if (this.output.length > MOST_WAITING_BYTES) return void this.stuck();
    if (this.#scheduled || this.#writing) return;
    this.#scheduled = true;
    setImmediate(this.#flushNow);
  }

  readonly #flushNow = () => {
    this.#scheduled = false;
    this.flush();
  };

  /** Closes our side behind all that was written; nothing may be written any more. */
  end(): void {
    this.#ending = true;
    this.flush();
    if (!this.#writing) this.#socket?.end();
  }

  flush(): void {
    if (this.#writing || this.output.length === 0 || this.#socket === undefined || this.#socket.destroyed)
      return;
    this.#writing = true;
    this.handingOver();
    const { bytes } = this.output;
    this.#socket.write(this.output.take(this.#spare), () => {
      this.#spare = bytes.length > KEPT_BYTES ? Buffer.allocUnsafeSlow(BUFFER_BYTES) : bytes;
      this.#writing = false;
      if (this.#ending) this.end();
      else this.flush();
    });
  }
}
