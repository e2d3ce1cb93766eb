import { DateTime, IANAZone } from 'luxon';

/**
 * The backend writes due times as wall time of one zone, without an offset. A wall time that happens
 * twice means its first occurrence (RFC 5545, section 3.3.5), one that never happens means the moment
 * the clocks jump over it: nothing is ever sent late because the clocks changed.
 */

export function isTimeZone(name: string): boolean {
  return IANAZone.isValidZone(name);
}

const SQL_FORMAT = 'yyyy-MM-dd HH:mm:ss.SSS';
const HOUR_MS = 3_600_000;

/** The largest wall time that is due at `now`, as DATETIME(3) text: the greatest one the clock has shown. */
export function dueHorizon(now: number, zone: string): string {
  const wall = wallTime(now, zone);
  const offsetNow = offsetMinutes(now, zone);
  // Clocks set back within the last hours have already shown later times than they show now.
  for (let back = 1; back <= 3; back++) {
    const then = now - back * HOUR_MS;
    if (offsetMinutes(then, zone) > offsetNow) {
      const shown = wallTime(transitionBetween(then, now, zone) - 1, zone);
      return [shown, wall].sort()[1]!;
    }
  }
  return wall;
}

/** The instant at which a wall time (DATETIME text) is due, in milliseconds since 1970; null if it is no time. */
export function dueInstant(wall: string, zone: string): number | null {
  const local = DateTime.fromSQL(wall, { zone: 'utc' });
  if (!local.isValid) return null;
  const asUtc = local.toMillis();
  const before = offsetMinutes(asUtc - 26 * HOUR_MS, zone);
  const after = offsetMinutes(asUtc + 26 * HOUR_MS, zone);
  const candidates = [asUtc - before * 60_000, asUtc - after * 60_000].filter(
    (instant) => asUtc - instant === offsetMinutes(instant, zone) * 60_000,
  );
  if (candidates.length > 0) return Math.min(...candidates);
  // Never shown, or shown between two changes that are less than two days apart.
  const direct = DateTime.fromSQL(wall, { zone });
  if (wallTime(direct.toMillis(), zone) === local.toFormat(SQL_FORMAT)) return direct.toMillis();
  return transitionBetween(asUtc - 26 * HOUR_MS, asUtc + 26 * HOUR_MS, zone);
}

/** Like `dueInstant`, but of a time that happens twice the later occurrence. */
export function latestInstant(wall: string, zone: string): number | null {
  const first = dueInstant(wall, zone);
  if (first === null) return null;
  for (const later of [first + HOUR_MS, first + HOUR_MS / 2, first + 2 * HOUR_MS]) {
    if (wallTime(later, zone) === wallTime(first, zone)) return later;
  }
  return first;
}

/** Wall time of an instant, as DATETIME(3) text. */
export function wallTime(instant: number, zone: string): string {
  return DateTime.fromMillis(instant, { zone }).toFormat(SQL_FORMAT);
}

/** Whether two DATETIME texts are the same time: columns write it with or without fractions. */
export function isSameTime(a: string, b: string): boolean {
  const plain = (text: string) => (text.includes('.') ? text.replace(/\.?0+$/, '') : text);
  return plain(a) === plain(b);
}

/** When the day of `now` began, as an instant: midnight does not exist everywhere, every day. */
export function startOfDay(now: number, zone: string): number {
  return DateTime.fromMillis(now, { zone }).startOf('day').toMillis();
}

/** The end of the year 9999, where DATETIME ends. */
const LAST_INSTANT = 253_402_300_799_999;

/** An instant as UTC DATETIME(3) text, the form of our own columns; what a DATETIME cannot hold is cut to what it can. */
export function utcDateTime(instant: number): string {
  return new Date(Math.min(Math.max(instant, 0), LAST_INSTANT)).toISOString().slice(0, 23).replace('T', ' ');
}

/** Our own UTC DATETIME(3) text as an instant. */
export function utcInstant(text: string): number {
  return Date.parse(`${text.replace(' ', 'T')}Z`);
}

function offsetMinutes(instant: number, zone: string): number {
  return DateTime.fromMillis(instant, { zone }).offset;
}

/** The first instant after `from` at which the zone's offset is no longer the one of `from`. */
function transitionBetween(from: number, to: number, zone: string): number {
  const offset = offsetMinutes(from, zone);
  let low = from;
  let high = to;
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (offsetMinutes(middle, zone) === offset) low = middle;
    else high = middle;
  }
  return high;
}
