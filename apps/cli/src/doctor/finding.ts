/** `verify`: what cannot be seen from here and somebody should look at once. It counts as nothing. */
export type FindingState = 'ok' | 'verify' | 'warning' | 'fault' | 'skipped';

/** What one check found. */
export interface Finding {
  readonly check: string;
  readonly state: FindingState;
  /** A sentence about what is there. */
  readonly what: string;
  /** What to know or to do, in words; null where `mend` says it all, or where there is nothing to do. */
  readonly note: string | null;
  /** Statements, commands or settings to be copied as they are, one a line; null where there are none. */
  readonly mend: string | null;
}

export function ok(check: string, what: string): Finding {
  return { check, state: 'ok', what, note: null, mend: null };
}

export function skipped(check: string, what: string): Finding {
  return { check, state: 'skipped', what, note: null, mend: null };
}

export function verify(check: string, what: string, mend: string | null, note: string): Finding {
  return { check, state: 'verify', what, note, mend };
}

export function warning(
  check: string,
  what: string,
  mend: string | null,
  note: string | null = null,
): Finding {
  return { check, state: 'warning', what, note, mend };
}

export function fault(check: string, what: string, mend: string | null, note: string | null = null): Finding {
  return { check, state: 'fault', what, note, mend };
}
