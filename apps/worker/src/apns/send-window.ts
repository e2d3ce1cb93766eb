/** How many requests one connection may have open, and which lane gets the next slot. Pure. */
import type { Lane } from '@pushfleet/shared/domain/lanes';

/** Kept free of bulk, so that an alert starts at once while a campaign fills the connection … */
const URGENT_SHARE = 0.1;
/** … and at most so many: what answers free goes to alerts first anyway, and a slot that stays free costs throughput. */
const MOST_RESERVED = 8;

export interface WindowFacts {
  /** APNs has accepted a request here, or raised its limit after our first one. */
  readonly warm: boolean;
  /** MAX_CONCURRENT_STREAMS of the server, now. */
  readonly streamLimit: number;
  /** Our own limit per connection. */
  readonly maxInFlight: number;
  /** What refused streams have taught us: fewer than the server tells. */
  readonly learnedLimit: number;
}

/** Apple allows one stream until it has seen a valid provider token (A-send): so one probe at a time. */
export function windowSize({ warm, streamLimit, maxInFlight, learnedLimit }: WindowFacts): number {
  const limit = Math.min(streamLimit, maxInFlight, learnedLimit);
  return warm ? limit : Math.min(1, limit);
}

/** Slots of a window that only urgent requests may take; none of a window of one. */
export function urgentReserve(window: number): number {
  return window < 2 ? 0 : Math.min(MOST_RESERVED, Math.max(1, Math.floor(window * URGENT_SHARE)));
}

/** Whether a request of this lane may start while `taken` slots of the window are in use. */
export function mayStart(lane: Lane, taken: number, window: number): boolean {
  return taken < (lane === 'urgent' ? window : window - urgentReserve(window));
}
