/** Promises about time are looked at strictly where nothing else runs: `npm run verify` sets it to 1. */
const SLACK = Number(process.env.PUSHFLEET_TEST_TIME_SLACK ?? 4);

/** @returns `ms`, and as much more as a machine that is busy with other tests may take. */
export function within(ms: number): number {
  return ms * SLACK;
}
