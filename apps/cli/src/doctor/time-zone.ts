import { dueInstant, wallTime } from '@pushfleet/shared/domain/wall-time';
import { type Finding, ok, warning } from './finding.ts';

const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;

/** What tells that the backend's clock shows other hours than PUSHFLEET_TIMEZONE. */
export interface ZoneEvidence {
  /** Due times (wall time) of rows that are marked sent, the latest first. */
  readonly sentDues: readonly string[];
  /** Due times of the rows inserted last, unsent ones. */
  readonly newestDues: readonly string[];
  /** By how many seconds the last rows were claimed after they were due. */
  readonly lateSeconds: readonly number[];
  /** Zones that are named on the way: of the server and of this machine. */
  readonly zones: readonly string[];
}

/** @param now milliseconds since 1970 */
export function zoneFinding(evidence: ZoneEvidence, zone: string, now: number): Finding {
  const { sentDues, newestDues, lateSeconds } = evidence;
  const ahead = (wall: string) => (dueInstant(wall, zone) ?? now) - now;
  const mend = (hours: number) => zoneMend(hours, zone, evidence.zones, now);
  // A row is sent after it was due, so a due time to come was written by a clock that is ahead of ours.
  const toCome = sentDues.map(ahead).filter((ms) => ms > 5 * MINUTE_MS);
  if (toCome.length > 0) {
    const hours = Math.ceil((Math.max(...toCome) - 5 * MINUTE_MS) / HOUR_MS);
    const what = `rows are marked sent ${hours} h before they are due in ${zone}: the backend's clock is ahead of it`;
    // A backend may also set `sent` of a row to cancel it before it is due, so this is no proof.
    return warning('time zone', what, ...mend(hours));
  }
  const early = wholeHours(newestDues.map(ahead), -10 * MINUTE_MS, MINUTE_MS);
  if (early !== null)
    return warning(
      'time zone',
      `the newest rows are due in just ${early} h in ${zone}: is the backend's clock ahead of it?`,
      ...mend(early),
    );
  const late = wholeHours(
    lateSeconds.map((seconds) => seconds * 1_000),
    -MINUTE_MS,
    10 * MINUTE_MS,
  );
  if (late !== null)
    return warning(
      'time zone',
      `the last rows were found ${late} h after they were due in ${zone}: is the backend's clock behind it?`,
      ...mend(-late),
    );
  return ok('time zone', `nothing speaks against ${zone}`);
}

/** The hours, at least one, that three or more durations are all equal to within the limits; else null. */
function wholeHours(durations: readonly number[], below: number, above: number): number | null {
  if (durations.length < 3) return null;
  const hours = durations.map((ms) => Math.round(ms / HOUR_MS));
  const isSame = hours.every((hour) => hour === hours[0] && hour >= 1);
  const isWhole = durations.every((ms, at) => {
    const off = ms - hours[at]! * HOUR_MS;
    return off >= below && off <= above;
  });
  return isSame && isWhole ? hours[0]! : null;
}

const USUAL = [
  'UTC',
  'Europe/Berlin',
  'Europe/London',
  'Europe/Athens',
  'America/New_York',
  'America/Los_Angeles',
];

function zoneMend(
  hours: number,
  zone: string,
  named: readonly string[],
  now: number,
): [mend: string, note: string] {
  const offset = offsetOf(zone, now) + hours * HOUR_MS;
  const zones = [...named, ...USUAL, ...Intl.supportedValuesOf('timeZone')];
  const fitting = zones.find((name) => isZone(name) && offsetOf(name, now) === offset);
  const clock = new Date(now + offset).toISOString().slice(11, 16);
  return [
    `PUSHFLEET_TIMEZONE=${fitting ?? 'ZONE'}`,
    `if the backend's clock shows ${clock} now; take its zone by its own name, where several show that`,
  ];
}

function isZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return !/^[+-]/.test(name);
  } catch {
    return false;
  }
}

/** Milliseconds by which the zone's clock is ahead of UTC. */
function offsetOf(zone: string, now: number): number {
  return Date.parse(`${wallTime(now, zone).replace(' ', 'T')}Z`) - now;
}
