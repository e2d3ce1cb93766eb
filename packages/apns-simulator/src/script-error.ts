/** A script does not say what it should: the line (or rule), counted from 1, and why. Nothing was changed. */
export class ScriptError extends Error {
  readonly code = 'APNS_SIMULATOR_SCRIPT';
  constructor(
    readonly where: string,
    problem: string,
  ) {
    super(`${where}: ${problem}`);
    this.name = 'ScriptError';
  }
}
