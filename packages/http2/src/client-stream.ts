/** One request and what comes of it. */
import type { ResponseHead } from './response-head.ts';

export type StreamEnd =
  | { readonly type: 'response'; readonly response: Response }
  /** RST_STREAM by the server. */
  | { readonly type: 'reset'; readonly code: number }
  /** We reset it, since its answer breaks the protocol. */
  | { readonly type: 'broken'; readonly detail: string }
  /** The owner cancelled. */
  | { readonly type: 'cancelled'; readonly isWhole: boolean }
  /** The server leaves and said that it will not look at this one (RFC 9113, 6.8). */
  | { readonly type: 'unprocessed' }
  /** `isWhole`: the end of the request was written, so the server may have acted on it. */
  | { readonly type: 'lost'; readonly isWhole: boolean };

export interface Response {
  readonly status: number;
  /** Of the fields that were asked for, those that came; undefined if none did. */
  readonly fields: ReadonlyMap<string, string> | undefined;
  /** UTF-8 text, cut off after `maxResponseBytes`. */
  readonly body: string;
}

export class ClientStream {
  /** How much of its body the server takes now; below zero after a lowered SETTINGS_INITIAL_WINDOW_SIZE. */
  sendWindow: number;
  /** What of the body is not written yet. */
  pending: Uint8Array | undefined;
  pendingFrom = 0;

  /** 0 until the final response begins. */
  status = 0;
  fields: Map<string, string> | undefined;
  contentLength = -1;
  /** Grows as it comes in; the first `bodyBytes` octets, as far as there is room, are what was kept. */
  #body: Buffer | undefined;
  bodyBytes = 0;
  /** Octets of DATA that the server may still send before we let it send more. */
  receiveWindow: number;
  /** For its owner: when it is given up, by the owner's clock. */
  deadline = Number.POSITIVE_INFINITY;
  /** For OpenStreams. */
  nextInBucket: ClientStream | undefined;

  constructor(
    readonly id: number,
    readonly settle: (end: StreamEnd, stream: ClientStream) => void,
    sendWindow: number,
    receiveWindow: number,
  ) {
    this.sendWindow = sendWindow;
    this.receiveWindow = receiveWindow;
  }

  /** Takes a header block: the head of the response, an interim one, or trailers. Returns what is wrong with it. */
  takeHead(head: ResponseHead, isLast: boolean): string {
    if (this.status !== 0) {
      if (head.status !== 0) return 'a second response';
      return isLast ? '' : 'trailers that do not end the stream';
    }
    if (head.status === 0) return 'a response without :status';
    if (head.isInterim) return isLast || head.status === 101 ? `status ${head.status} as an answer` : '';
    this.status = head.status;
    this.fields = head.fields;
    this.contentLength = head.contentLength;
    return '';
  }

  /** What is more than `most` octets is counted and dropped. */
  keepBody(bytes: Buffer, start: number, end: number, most: number): void {
    const room = most - this.bodyBytes;
    this.bodyBytes += end - start;
    if (room <= 0 || start === end) return;
    const kept = most - room;
    const size = kept + Math.min(end - start, room);
    // One octet at a time must not cost an object each.
    if (this.#body === undefined) this.#body = Buffer.allocUnsafe(size);
    else if (this.#body.length < size) {
      const larger = Buffer.allocUnsafe(Math.min(Math.max(size, 2 * this.#body.length), most));
      this.#body.copy(larger, 0, 0, kept);
      this.#body = larger;
    }
    bytes.copy(this.#body, kept, start, start + size - kept);
  }

  response(): Response {
    const body = this.#body?.toString('utf8', 0, Math.min(this.bodyBytes, this.#body.length)) ?? '';
    return { status: this.status, fields: this.fields, body };
  }
}
