/**
 * The backend's DATETIME columns hold wall time of one zone, without an offset. Computed with Intl, so
 * that the server's zone tables and the session's zone do not matter.
 */

/** @throws RangeError for a name that is no IANA zone */
export function assertTimeZone(zone: string): void {
  new Intl.DateTimeFormat('en', { timeZone: zone });
}

/** Wall time of an instant in whole seconds, as DATETIME text. */
export function wallTime(instant: number, zone: string): string {
  const { year, month, day, hour, minute, second } = partsOf(instant, zone);
  return `${year}-${month}-${day} ${hour}:${minute}:${second}`;
}

/** The instant that a wall time (DATETIME text) means; of a time that happens twice the first. */
export function instantOf(wall: string, zone: string): number | null {
  const asUtc = Date.parse(`${wall.replace(' ', 'T')}Z`);
  if (Number.isNaN(asUtc)) return null;
  // The offset a day before and a day after: one of them applies, and the earlier instant is meant.
  const candidates = [asUtc - 86_400_000, asUtc + 86_400_000].map((near) => asUtc - offsetMs(near, zone));
  const fitting = candidates.filter((instant) => instant + offsetMs(instant, zone) === asUtc);
  return Math.min(...(fitting.length > 0 ? fitting : candidates));
}

/**
 * The second at which something is due: never before `at`, and at once for what is not in the future.
 *
 * @param at milliseconds since 1970
 */
export function dueSecond(at: number, now: number): number {
  return (at > now ? Math.ceil(at / 1000) : Math.floor(at / 1000)) * 1000;
}

function offsetMs(instant: number, zone: string): number {
  const whole = Math.floor(instant / 1000) * 1000;
  return Date.parse(`${wallTime(whole, zone).replace(' ', 'T')}Z`) - whole;
}

const formats = new Map<string, Intl.DateTimeFormat>();

function partsOf(instant: number, zone: string): Record<string, string> {
  let format = formats.get(zone);
  if (format === undefined) {
    format = new Intl.DateTimeFormat('en-US', {
      timeZone: zone,
      calendar: 'gregory',
      hourCycle: 'h23',
      year: 'numeric',
      month: '2-digit',
      day: '2-digit',
      hour: '2-digit',
      minute: '2-digit',
      second: '2-digit',
    });
    formats.set(zone, format);
  }
  return Object.fromEntries(format.formatToParts(instant).map(({ type, value }) => [type, value]));
}
