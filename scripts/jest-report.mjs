/** Reads what Jest wrote with `--json --outputFile`. */
import { existsSync, readFileSync } from 'node:fs';

/**
 * Counts tests. A file that could not be run has no tests in the report: it counts as one that failed, and
 * so do a missing report and a run that was not `clean` (cut off, or did not end by itself).
 */
export function countTests(report, clean) {
  if (!existsSync(report)) return { passed: 0, failed: 1, skipped: 0 };
  const result = JSON.parse(readFileSync(report, 'utf8'));
  const failed = result.numFailedTests + result.numRuntimeErrorTestSuites;
  return {
    passed: result.numPassedTests,
    failed: clean || failed > 0 ? failed : 1,
    skipped: result.numPendingTests + result.numTodoTests,
  };
}

/** `N passed, N failed`, and `, N skipped` where some were. */
export function summaryLine({ passed, failed, skipped }) {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`;
}
