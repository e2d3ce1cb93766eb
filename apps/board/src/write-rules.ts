/** The only changes that a writable board makes: failed jobs run again, and their worker opens what failed. */
const ALLOWED: ReadonlySet<string> = new Set([
  'put /api/queues/:queueName/:jobId/retry',
  'put /api/queues/:queueName/retry/:queueStatus',
]);

/** Why the others are off, by the end of Bull Board's route; the first that fits speaks. */
const REASONS: readonly (readonly [RegExp, string])[] = [
  [/\/add$/, 'A job added here would send pushes that no database knows of. Insert a notification instead.'],
  [
    /\/update-data$/,
    'A batch is written by the producer alone. Cancel the notification and insert a new one.',
  ],
  [
    /\/(promote|delay)$/,
    'This job waits for the time that APNs or the retry schedule named; it is not started early.',
  ],
  [
    /\/(clean|clean\/:queueStatus|empty|obliterate)$/,
    'Removing a job does not stop its notification: the producer would queue it again. Use pushfleet cancel.',
  ],
  [/\/(pause|resume)$/, 'Pausing is a decision kept in MySQL. Use pushfleet pause and pushfleet resume.'],
  [
    /\/(rate-limit|rate-limit\/release|concurrency)$/,
    'The rate is a decision kept in MySQL. Use pushfleet rate.',
  ],
];

/**
 * Why the board does not do this; null where it does. Reading is always allowed, and what Bull Board adds in a
 * later version is off until it is named here.
 *
 * @param route Bull Board's route pattern, such as `/api/queues/:queueName/:jobId/retry`
 */
export function whyForbidden(method: string, route: string, writable: boolean): string | null {
  if (isReading(method)) return null;
  if (!writable)
    return 'This board is read-only. Start it with PUSHFLEET_BOARD_WRITABLE=true to retry failed jobs.';
  if (ALLOWED.has(`${method.toLowerCase()} ${route}`)) return null;
  return (
    REASONS.find(([end]) => end.test(route))?.[1] ?? 'The board changes nothing except retrying failed jobs.'
  );
}

export function isReading(method: string): boolean {
  return ['get', 'head'].includes(method.toLowerCase());
}
