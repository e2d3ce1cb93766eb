/**
 * One connection to APNs, as the connection governor sees it: from connecting to dead, never reused.
 * There are two implementations, node-apn and our own HTTP/2 session; the governor knows neither.
 */
import type { ApnsAnswer } from '@pushfleet/shared/domain/apns-answer';

/** One push. `headers` is the same object for a whole batch: whatever it holds is sent as it is. */
export interface ApnsRequest {
  /** Normalised: lower-case hexadecimal. */
  readonly deviceToken: string;
  /** Canonical UUID; goes out as `apns-id`. */
  readonly apnsId: string;
  /** apns-topic, apns-push-type, apns-priority, apns-expiration, apns-collapse-id; names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** The JSON body, already serialised. */
  readonly payload: string;
}

export type ConnectionEvent =
  /** The server changed how many streams it allows; `streamLimit` has the new number. */
  | { readonly type: 'streamLimit' }
  /** The server leaves: no new request here. `reason` is Apple's, from the debug data, or empty. */
  | { readonly type: 'goaway'; readonly code: number; readonly reason: string }
  /** Comes exactly once, last. Requests without an answer are settled at the same time. */
  | { readonly type: 'dead'; readonly detail: string };

export interface ApnsConnection {
  /** Resolves at the server's first SETTINGS; rejects if the connection dies before. */
  readonly ready: Promise<void>;
  /** Streams that the server allows at this moment; 0 before `ready`. */
  readonly streamLimit: number;
  /**
   * The server takes no octets of payload at the moment (RFC 9113, 5.2): what is sent now waits, and whatever
   * comes later waits behind it. Nobody tells when there is room again.
   */
  readonly isWindowFull: boolean;
  /**
   * Sends at once, never queues: who calls keeps to `streamLimit`. Calls `settle` exactly once, after it
   * has returned. Without an answer after `timeoutMs` the stream is reset and the answer is
   * `NO_ANSWER_IN_TIME`.
   */
  send(request: ApnsRequest, timeoutMs: number, settle: Settle): void;
  /** Rejects without a pong after `timeoutMs`. It destroys nothing: that is for the caller to do. */
  ping(timeoutMs: number): Promise<void>;
  /** No new streams; resolves when the open ones have ended and the connection is closed. */
  drain(): Promise<void>;
  /** Ends at once, also against a peer that is silent. Open requests get an answer with `sent: 'unknown'`. */
  destroy(why: string): void;
  on(listener: (event: ConnectionEvent) => void): void;
  /** When something was last read from the server, in `performance.now()` milliseconds. */
  lastReadAt(): number;
}

/** A callback, since a promise for each push costs more than the push. */
export type Settle = (answer: ApnsAnswer) => void;

/** For a request that nobody tried to send. */
export function settleUnsent(settle: Settle, detail: string): void {
  queueMicrotask(() => settle({ answered: false, sent: 'no', detail }));
}

export type OpenConnection = () => ApnsConnection;

/** `detail` of the answer to a request whose deadline has passed. */
export const NO_ANSWER_IN_TIME = 'no answer in time';
/** `detail` of the answer to a stream that the server refused (RST_STREAM, REFUSED_STREAM). */
export const STREAM_REFUSED = 'APNs refused the stream';
