import { dueHorizon, startOfDay, wallTime } from './wall-time.ts';

/** Which due rows a producer looks for, as wall time of the backend's zone, both ends included. */
export interface WallWindow {
  readonly from: string;
  readonly to: string;
}

const HOT_MS = 120_000;
const MARGIN_MS = 300_000;

/**
 * The whole window: from the oldest row that may still be sent to what is due now. Its lower edge is an
 * instant put into wall time, so a changed clock does not move it.
 *
 * @param maxAge milliseconds, or `today`: since midnight in the zone, but never after the last good look,
 *   or a row of 23:59:59 would be lost at midnight
 */
export function dueWindow(
  now: number,
  zone: string,
  maxAge: number | 'today',
  lastLookAt: number,
): WallWindow {
  const from = maxAge === 'today' ? Math.min(startOfDay(now, zone), lastLookAt - MARGIN_MS) : now - maxAge;
  return { from: wallTime(from, zone), to: dueHorizon(now, zone) };
}

/** The part of the window in which rows become due now: looked at often, and never a walk over old rows. */
export function hotWindow(window: WallWindow, now: number, zone: string): WallWindow {
  const hot = wallTime(now - HOT_MS, zone);
  // Where the clocks were set back in these two minutes, the earlier wall time is the later instant.
  const from = hot > window.to ? window.from : hot;
  return { from: from > window.from ? from : window.from, to: window.to };
}

/** How long after its due time a row without an expiry is worth sending, in milliseconds. */
export function defaultLifetimeMs(maxAge: number | 'today'): number {
  return maxAge === 'today' ? 86_400_000 : Math.max(maxAge, 86_400_000);
}
