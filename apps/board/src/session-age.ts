/** A session ends when nothing was asked with it for so long. */
export const IDLE_SECONDS = 86_400;
/** And in any case so long after the login. */
const MOST_MS = 30 * 86_400_000;
/** Each renewal is another cookie, so not with every request. */
const RENEW_AFTER_MS = 60_000;

/** Milliseconds since 1970. */
export interface SessionTimes {
  readonly enteredAt: number;
  readonly renewedAt: number;
}

/** How a session stands that was not idle for too long: that the plugin looks at itself. */
export function sessionAge(
  { enteredAt, renewedAt }: SessionTimes,
  now: number,
): 'over' | 'to be renewed' | 'fresh' {
  if (isTooOld(enteredAt, now)) return 'over';
  return now - renewedAt >= RENEW_AFTER_MS ? 'to be renewed' : 'fresh';
}

/** Whether it is over whatever was asked with it. */
export function isTooOld(enteredAt: number, now: number): boolean {
  return now - enteredAt >= MOST_MS;
}
