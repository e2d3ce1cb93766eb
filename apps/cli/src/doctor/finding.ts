export type FindingState = 'ok' | 'warning' | 'fault' | 'skipped';

/** What one check found. */
export interface Finding {
  readonly check: string;
  readonly state: FindingState;
  /** A sentence about what is there. */
  readonly what: string;
  /** A statement, a command or a setting to change; null where nothing has to be mended. */
  readonly mend: string | null;
}

export function ok(check: string, what: string): Finding {
  return { check, state: 'ok', what, mend: null };
}

export function skipped(check: string, what: string): Finding {
  return { check, state: 'skipped', what, mend: null };
}

export function warning(check: string, what: string, mend: string): Finding {
  return { check, state: 'warning', what, mend };
}

export function fault(check: string, what: string, mend: string): Finding {
  return { check, state: 'fault', what, mend };
}
